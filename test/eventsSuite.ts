/** What listeners hear of changes, on whatever store. */
import { assert, layer as describeWith } from "@effect/vitest"
import { Context, DateTime, Effect, Equal, Layer, Option, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { ApiKey, ApiKeyId } from "../src/ApiKey.ts"
import * as ApiKeyEvents from "../src/ApiKeyEvents.ts"
import type { ApiKeyHasher } from "../src/ApiKeyHasher.ts"
import type { ApiKeyRepository } from "../src/ApiKeyRepository.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import { tagOf } from "./support/nodes.ts"

type Keys = ApiKeys.ApiKeys["Service"]
type Event = ApiKeyEvents.ApiKeyEvent

/** What was heard in transactions, and after commits. */
export class Heard extends Context.Service<
  Heard,
  { readonly inTransaction: Array<ReadonlyArray<Event>>; readonly afterCommit: Array<ReadonlyArray<Event>> }
>()("test/Heard") {}

/** A listener that notes what it hears, in the ways that are named. */
export const recording = (...ways: ReadonlyArray<"inTransaction" | "afterCommit">): Layer.Layer<Heard> =>
  Layer.unwrap(
    Effect.sync(() => {
      const heard: Heard["Service"] = { inTransaction: [], afterCommit: [] }
      const listener = Object.fromEntries(
        ways.map((way) => [way, (events: ReadonlyArray<Event>) => Effect.sync(() => void heard[way].push(events))]),
      )
      return Layer.merge(Layer.succeed(Heard, heard), ApiKeyEvents.layer(Effect.succeed(listener)))
    }),
  )

const encode = Schema.encodeEffect(Schema.toCodecJson(ApiKeyEvents.ApiKeyEvent))
const decode = Schema.decodeEffect(Schema.toCodecJson(ApiKeyEvents.ApiKeyEvent))

const alice: ApiKeyEvents.Actor = { _tag: "Application", name: "alice" }

/** What tells events apart. */
const outlineOf = (event: Event) => {
  const { _tag, operation, actor } = event
  return event._tag === "KeysUsed"
    ? { _tag, operation, actor, ids: event.uses.map(({ id }) => id) }
    : { _tag, operation, actor, ids: [event.id] }
}

/** The records that events tell of, by their ids. Uses are no changes of theirs. */
export const replay = (events: ReadonlyArray<Event>): ReadonlyMap<string, ApiKey> => {
  const records = new Map<string, ApiKey>()
  for (const event of events) {
    if (event._tag === "KeyDeleted") records.delete(event.id)
    else if ("after" in event) records.set(event.id, event.after)
  }
  return records
}

const plain = ({ lastUsedAt: _, previous, ...apiKey }: ApiKey) => ({
  ...apiKey,
  previous: previous === null ? null : { ...previous, lastUsedAt: null },
})

const kinds = [
  "create",
  "rename",
  "expire",
  "deactivate",
  "activate",
  "rotate",
  "rotateLater",
  "endGrace",
  "use",
  "delete",
  "stale",
] as const
const Steps = Schema.Array(
  Schema.Struct({ kind: Schema.Literals(kinds), key: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 })) }),
).check(Schema.isMaxLength(25))

export const eventsSuite = <E>(name: string, layerStore: Layer.Layer<ApiKeyRepository | ApiKeyHasher, E>): void => {
  const services = (...ways: ReadonlyArray<"inTransaction" | "afterCommit">) =>
    Layer.fresh(ApiKeys.layerWith({ lastUsedInterval: "10 seconds" })).pipe(
      Layer.provideMerge(recording(...ways)),
      Layer.provide(layerStore),
    )

  describeWith(services("inTransaction", "afterCommit"))(`Events on ${name}`, (it) => {
    /** What is heard while it runs, in both ways the same. */
    const hearing = <A, E2, R>(change: Effect.Effect<A, E2, R>) =>
      Effect.gen(function* () {
        const { inTransaction, afterCommit } = yield* Heard
        inTransaction.length = afterCommit.length = 0
        const result = yield* Effect.result(Effect.provideService(change, ApiKeyEvents.CurrentActor, alice))
        assert.deepStrictEqual(afterCommit, inTransaction)
        return { result, events: afterCommit.flat() }
      })
    const only = <A, E2, R>(change: Effect.Effect<A, E2, R>) =>
      Effect.map(hearing(change), ({ events }) => {
        assert.strictEqual(events.length, 1)
        return events[0]!
      })

    it.effect("tells of each change once, by whom it was made, and of the record before and after", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const created = yield* only(apiKeys.create({ name: "k", metadata: { n: 1 } }))
        assert(created._tag === "KeyCreated")
        const { id } = created
        assert.deepStrictEqual(created, {
          _tag: "KeyCreated",
          id,
          keyIds: [created.after.keyId],
          at: created.after.createdAt,
          actor: alice,
          operation: "create",
          after: yield* apiKeys.get(id),
        })

        let before = created.after
        const next = Effect.fnUntraced(function* (change: Effect.Effect<unknown, unknown>) {
          const event = yield* only(change)
          assert.deepStrictEqual(yield* decode(yield* encode(event)), event)
          assert(event._tag !== "KeysUsed")
          if ("before" in event) assert.deepStrictEqual(event.before, before)
          const after = yield* Effect.option(apiKeys.get(id))
          if ("after" in event) assert.deepStrictEqual(Option.some(event.after), after)
          const known = before
          if (Option.isSome(after)) before = after.value
          return { event, known }
        })
        const outlines: Array<unknown> = []
        const tell = Effect.fnUntraced(function* (change: Effect.Effect<unknown, unknown>) {
          const { event } = yield* next(change)
          outlines.push([event._tag, event.operation, "fields" in event ? event.fields : "reason" in event ? event.reason : null])
          return event
        })
        yield* tell(apiKeys.update(id, { name: "other", scopes: ["a"] }))
        yield* tell(apiKeys.update(id, { description: undefined, ownerId: null }))
        yield* tell(apiKeys.deactivate(id, { reason: "leaked" }))
        yield* tell(apiKeys.activate(id))
        yield* tell(apiKeys.update(id, { isActive: false }))
        // It keeps why it was deactivated, and isn't once more.
        yield* tell(apiKeys.update(id, { isActive: false }))
        yield* tell(apiKeys.update(id, { isActive: true, name: "back" }))
        const first = before.keyId
        const rotated = yield* tell(apiKeys.rotate(id))
        assert.deepStrictEqual(rotated.keyIds, [before.keyId, first])
        yield* tell(apiKeys.endGrace(id))
        const second = before.keyId
        const again = yield* tell(apiKeys.rotate(id, { grace: 0 }))
        assert.deepStrictEqual(again.keyIds, [before.keyId, second, first])
        yield* tell(apiKeys.delete(id))
        assert.deepStrictEqual(outlines, [
          ["KeyUpdated", "update", ["name", "scopes"]],
          ["KeyUpdated", "update", ["ownerId"]],
          ["KeyDeactivated", "deactivate", "leaked"],
          ["KeyActivated", "activate", null],
          ["KeyDeactivated", "update", "manual"],
          ["KeyUpdated", "update", ["isActive"]],
          ["KeyUpdated", "update", ["name", "isActive"]],
          ["KeyRotated", "rotate", null],
          ["GraceEnded", "endGrace", null],
          ["KeyRotated", "rotate", null],
          ["KeyDeleted", "delete", null],
        ])
      }),
    )

    it.effect("tells of tokens that are revoked as of their deactivation, or of the end of their grace", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { apiKey, token } = yield* apiKeys.create({ name: "k" })
        const current = yield* apiKeys.rotate(apiKey.id)
        const outlines = [
          yield* only(apiKeys.revoke(token, { reason: "possession" })),
          yield* only(apiKeys.revoke(current.token, { reason: "leaked" })),
        ]
        assert.deepStrictEqual(outlines.map(outlineOf), [
          { _tag: "GraceEnded", operation: "revoke", actor: alice, ids: [apiKey.id] },
          { _tag: "KeyDeactivated", operation: "revoke", actor: alice, ids: [apiKey.id] },
        ])
      }),
    )

    it.effect("tells nothing of what failed, and nothing where nothing was changed", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { apiKey } = yield* apiKeys.create({ name: "k" })
        const { id } = apiKey
        yield* apiKeys.deactivate(id)
        const absent = "01985d2c-6a00-7c3e-9f1b-2d4e6f8a0b1c"
        const attempts: ReadonlyArray<readonly [string, (keys: Keys) => Effect.Effect<unknown, { readonly _tag: string }>]> = [
          ["VersionConflict", (keys) => keys.update(id, { name: "n" }, { ifVersion: 9 })],
          ["VersionConflict", (keys) => keys.deactivate(id, { ifVersion: 9 })],
          ["VersionConflict", (keys) => keys.delete(id, { ifVersion: 9 })],
          ["VersionConflict", (keys) => keys.rotate(id, { ifVersion: 9 })],
          ["VersionConflict", (keys) => keys.endGrace(id, { ifVersion: 9 })],
          ["ApiKeyNotFound", (keys) => keys.update(absent, { name: "n" })],
          ["ApiKeyNotFound", (keys) => keys.delete(absent)],
          ["InvalidInput", (keys) => keys.create({ name: "" })],
          ["good", (keys) => keys.deactivate(id, { reason: "leaked" })],
          ["good", (keys) => keys.endGrace(id)],
        ]
        for (const [expected, attempt] of attempts) {
          const { result, events } = yield* hearing(tagOf(attempt(apiKeys)))
          assert.deepStrictEqual([result, events], [yield* Effect.result(Effect.succeed(expected)), []])
        }
      }),
    )

    it.effect("tells of uses as its own upkeep, and of a grace that they settle", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { apiKey } = yield* apiKeys.create({ name: "k" })
        const { token } = yield* apiKeys.rotate(apiKey.id, { graceFrom: "firstUse", grace: "1 hour" })
        const { events } = yield* hearing(
          Effect.gen(function* () {
            yield* apiKeys.verify(token)
            yield* TestClock.adjust("13 seconds")
            for (let turn = 0; turn < 500 && (yield* Heard).afterCommit.length === 0; turn++) yield* pause
          }),
        )
        const upkeep = { operation: "use", actor: { _tag: "Upkeep" } }
        assert.deepStrictEqual(events.map(outlineOf), [
          { _tag: "KeysUsed", ...upkeep, ids: [apiKey.id] },
          { _tag: "GraceSettled", ...upkeep, ids: [apiKey.id] },
        ])
        const last = events[1]
        assert(last?._tag === "GraceSettled")
        assert.deepStrictEqual(last.after, yield* apiKeys.get(apiKey.id))
      }),
    )

    it.effect("tells of each key that is imported, and of none that was there", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const ids: Array<ApiKeyId> = []
        for (let index = 0; index < 5; index++) ids.push((yield* apiKeys.create({ name: `${index}`, ownerId: "moved" })).apiKey.id)
        const lines = yield* Stream.runCollect(apiKeys.export({ hashes: true, filter: { ownerId: "moved" } }))
        const imported = apiKeys.import(Stream.fromIterable(lines.map((line): unknown => JSON.parse(line))))
        for (const id of ids.slice(0, 3)) yield* apiKeys.delete(id)
        const { events } = yield* hearing(Stream.runDrain(imported))
        assert.deepStrictEqual(
          events.map(outlineOf),
          ids.slice(0, 3).map((id) => ({ _tag: "KeyImported" as const, operation: "import" as const, actor: alice, ids: [id] })),
        )
        assert.deepStrictEqual((yield* hearing(Stream.runDrain(imported))).events, [])
      }),
    )

    it.effect.prop(
      "gives the records again when its events are replayed, and each record before is the one after the event before",
      { steps: Steps },
      ({ steps }) =>
        Effect.gen(function* () {
          const apiKeys = yield* ApiKeys.ApiKeys
          const heard = yield* Heard
          heard.inTransaction.length = heard.afterCommit.length = 0
          const keys: Array<Effect.Success<ReturnType<Keys["create"]>>> = [yield* apiKeys.create({ name: "first" })]
          for (const { kind, key } of steps) {
            const chosen = keys[key % keys.length]!
            const { id } = chosen.apiKey
            const changes: Record<typeof kind, () => Effect.Effect<unknown, unknown>> = {
              create: () => Effect.map(apiKeys.create({ name: "k" }), (created) => keys.push(created)),
              rename: () => apiKeys.update(id, { name: `n${key}` }),
              expire: () => apiKeys.update(id, { expiresAt: "2999-01-01T00:00:00Z" }),
              deactivate: () => apiKeys.deactivate(id),
              activate: () => apiKeys.activate(id),
              rotate: () =>
                Effect.map(apiKeys.rotate(id, { ifPrevious: "end" }), ({ token }) => (keys[key % keys.length] = { ...chosen, token })),
              rotateLater: () =>
                Effect.map(apiKeys.rotate(id, { graceFrom: "firstUse" }), ({ token }) => (keys[key % keys.length] = { ...chosen, token })),
              endGrace: () => apiKeys.endGrace(id),
              use: () => apiKeys.verify(chosen.token),
              delete: () => apiKeys.delete(id),
              stale: () => apiKeys.update(id, { name: "no" }, { ifVersion: 1_000 }),
            }
            yield* Effect.ignore(changes[kind]())
            yield* TestClock.adjust("1 seconds")
          }
          const findRecords = Effect.forEach(keys, ({ apiKey }) => Effect.option(apiKeys.get(apiKey.id)))
          // Uses are noted by and by, and so are the graces that they settle.
          for (let turn = 0; ; turn++) {
            const records = replay(heard.afterCommit.flat())
            const told = keys.map(({ apiKey }) => Option.fromNullishOr(records.get(apiKey.id)))
            const [left, right] = [told, yield* findRecords].map((each) => each.map(Option.map(plain)))
            if (turn === 50) assert.deepStrictEqual(left, right)
            if (Equal.equals(left, right)) break
            yield* TestClock.adjust("13 seconds")
            yield* pause
          }
          const events = heard.afterCommit.flat()
          const latest = new Map<string, ApiKey>()
          for (const event of events) {
            if ("before" in event && event.before !== null) {
              assert.strictEqual(event.before.version, latest.get(event.id)?.version)
            }
            if ("after" in event) latest.set(event.id, event.after)
          }
        }),
      { arbitrary: { runs: 20 } },
    )
  })

  describeWith(services("afterCommit"))(`Events after the commit alone, on ${name}`, (it) => {
    it.effect("have the record before where the operation reads it anyway", () =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { afterCommit } = yield* Heard
        const { apiKey } = yield* apiKeys.create({ name: "k" })
        const { id } = apiKey
        yield* apiKeys.update(id, { name: "other" })
        const updated = yield* apiKeys.get(id)
        const inactive = yield* apiKeys.deactivate(id)
        const active = yield* apiKeys.activate(id)
        const { apiKey: rotated } = yield* apiKeys.rotate(id)
        yield* apiKeys.delete(id)
        assert.deepStrictEqual(
          afterCommit.flat().map((event) => [event._tag, "before" in event ? event.before : undefined]),
          [
            ["KeyCreated", undefined],
            ["KeyUpdated", null],
            ["KeyDeactivated", updated],
            ["KeyActivated", null],
            ["KeyRotated", active],
            ["KeyDeleted", rotated],
          ],
        )
        assert.strictEqual(inactive.version + 1, active.version)
        assert.isTrue(DateTime.isDateTime(afterCommit[0]?.[0]?.at))
      }),
    )
  })
}

/** By the machine's clock, as a database answers. */
const pause = Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, 10)))
