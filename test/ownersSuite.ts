/** How many keys an owner may have, on whatever store: two services over it keep the bound together. */
import { assert, layer as describeWith } from "@effect/vitest"
import { Context, Effect, Layer, Result, type Scope, Stream } from "effect"
import { TooManyKeys } from "../src/ApiKeyError.ts"
import * as ApiKeyEvents from "../src/ApiKeyEvents.ts"
import { layerEphemeral } from "../src/ApiKeyHasher.ts"
import { ApiKeyRepository } from "../src/ApiKeyRepository.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import * as ApiKeyTransfer from "../src/ApiKeyTransfer.ts"

type Repository = ApiKeyRepository["Service"]
type Keys = ApiKeys.ApiKeys["Service"]

let owners = 0
/** An owner of this test alone. */
export const newOwner = (): string => `owner-${owners++}-${crypto.randomUUID()}`

/** A service over the repository. */
export const serviceOver = (
  repository: Repository,
  options: ApiKeys.Options,
  listener: ApiKeyEvents.Listener = {},
): Effect.Effect<Keys, never, Scope.Scope> =>
  Layer.build(Layer.fresh(ApiKeys.layerWith(options))).pipe(
    Effect.provide([layerEphemeral, Layer.succeed(ApiKeyRepository, repository), ApiKeyEvents.layer(Effect.succeed(listener))]),
    Effect.map((context) => Context.get(context, ApiKeys.ApiKeys)),
    Effect.orDie,
  )

/** How often each outcome is among those of the effects, which run all at once. */
export const outcomesOf = <A, E extends { readonly _tag: string }>(effects: ReadonlyArray<Effect.Effect<A, E>>) =>
  Effect.map(Effect.forEach(effects, Effect.result, { concurrency: "unbounded" }), (results) => {
    const counts: Record<string, number> = {}
    for (const result of results) {
      const name = Result.isSuccess(result) ? "good" : result.failure._tag
      counts[name] = (counts[name] ?? 0) + 1
    }
    return counts
  })

/** Calls of the services in turns. */
const inTurns = <A, E>(
  count: number,
  services: ReadonlyArray<Keys>,
  call: (keys: Keys, index: number) => Effect.Effect<A, E>,
): ReadonlyArray<Effect.Effect<A, E>> =>
  Array.from({ length: count }, (_, index) =>
    services.flatMap((keys, at) => (index % services.length === at ? [call(keys, index)] : [])),
  ).flat()

/** `open` gives a repository with connections of its own, over the store that all of them share. */
export const ownersSuite = <Store, E>(
  name: string,
  layerStore: Layer.Layer<Store, E>,
  open: Effect.Effect<Repository, never, Store | Scope.Scope>,
) => {
  const start = (options: ApiKeys.Options, listener?: ApiKeyEvents.Listener) =>
    Effect.flatMap(open, (repository) => serviceOver(repository, options, listener))
  const both = (options: ApiKeys.Options, listener?: ApiKeyEvents.Listener) => Effect.all([start(options), start(options, listener)])

  describeWith(layerStore, { excludeTestServices: true })(`maxKeysPerOwner on ${name}`, (it) => {
    it.effect("holds for 16 creates at once on two nodes, whether one of them has a listener in the transaction", () =>
      Effect.gen(function* () {
        for (const listener of [{}, { inTransaction: () => Effect.void }]) {
          const services = yield* both({ maxKeysPerOwner: 5 }, listener)
          const [ownerId, other] = [newOwner(), newOwner()]
          const create = (ownerId: string | null) => (keys: Keys) => keys.create({ name: "k", ownerId })
          assert.deepStrictEqual(yield* outcomesOf(inTurns(16, services, create(ownerId))), { good: 5, TooManyKeys: 11 })
          assert.strictEqual(yield* services[0].count({ ownerId }), 5)
          const error = yield* Effect.flip(services[1].create({ name: "k", ownerId }))
          assert.isTrue(error instanceof TooManyKeys)
          assert.deepInclude({ ...error }, { ownerId, maximum: 5 })
          assert.strictEqual(error.message, `The owner ${ownerId} has as many API keys as it may have (5)`)
          // Other owners, and keys without one, are none of its business.
          assert.deepStrictEqual(yield* outcomesOf(inTurns(4, services, create(other))), { good: 4 })
          assert.deepStrictEqual(yield* outcomesOf(inTurns(8, services, create(null))), { good: 8 })
        }
      }),
    )

    it.effect("holds for 16 keys at once that get another owner, whether one of them has a listener in the transaction", () =>
      Effect.gen(function* () {
        for (const listener of [{}, { inTransaction: () => Effect.void }]) {
          const services = yield* both({ maxKeysPerOwner: 5 }, listener)
          const ownerId = newOwner()
          yield* services[0].create({ name: "k", ownerId })
          const ids = yield* Effect.forEach(Array.from({ length: 8 }), () => services[0].create({ name: "k" }))
          // Each is moved on both nodes at once, and counts once.
          const moves = inTurns(16, services, (keys, index) => keys.update(ids[index >> 1]!.apiKey.id, { ownerId }))
          assert.deepStrictEqual(yield* outcomesOf(moves), { good: 8, TooManyKeys: 8 })
          assert.strictEqual(yield* services[1].count({ ownerId }), 5)
        }
      }),
    )

    it.effect("counts each record that there is", () =>
      Effect.gen(function* () {
        const keys = yield* start({ maxKeysPerOwner: 2 })
        const ownerId = newOwner()
        const create = (isActive = true) => keys.create({ name: "k", ownerId, isActive })
        const refused = (effect: Effect.Effect<unknown, { readonly _tag: string }>) =>
          Effect.map(Effect.flip(effect), ({ _tag }) => assert.strictEqual(_tag, "TooManyKeys"))
        const inactive = yield* create(false)
        const expired = yield* create()
        yield* keys.update(expired.apiKey.id, { expiresAt: "2020-01-01T00:00:00Z" })
        yield* refused(create())
        // What is no new key of the owner's goes on.
        yield* keys.activate(inactive.apiKey.id)
        yield* keys.rotate(inactive.apiKey.id)
        yield* keys.update(expired.apiKey.id, { ownerId, expiresAt: null })
        const other = yield* keys.create({ name: "other" })
        yield* refused(keys.update(other.apiKey.id, { ownerId, name: "moved" }))
        assert.deepInclude({ ...(yield* keys.get(other.apiKey.id)) }, { ownerId: null, name: "other", version: 1 })
        yield* keys.delete(expired.apiKey.id)
        const moved = yield* keys.update(other.apiKey.id, { ownerId, name: "moved" })
        yield* refused(create())
        yield* keys.update(inactive.apiKey.id, { ownerId: null })
        yield* create()
        const { version } = yield* keys.update(moved.id, { ownerId: newOwner() })
        const conflict = yield* Effect.flip(keys.update(moved.id, { ownerId }, { ifVersion: version - 1 }))
        assert.deepInclude({ ...conflict }, { _tag: "VersionConflict", expected: version - 1, actual: version })
      }),
    )

    it.effect("is asked for each owner, and ends no key by being lowered", () =>
      Effect.gen(function* () {
        const [none, few, many] = [newOwner(), newOwner(), newOwner()]
        const maxima = new Map([
          [none, 0],
          [few, 2],
        ])
        const keys = yield* start({ maxKeysPerOwner: (ownerId) => maxima.get(ownerId) ?? Infinity })
        const create = (ownerId: string) => keys.create({ name: "k", ownerId })
        assert.deepInclude({ ...(yield* Effect.flip(create(none))) }, { _tag: "TooManyKeys", ownerId: none, maximum: 0 })
        assert.deepStrictEqual(yield* outcomesOf(Array.from({ length: 6 }, () => create(many))), { good: 6 })
        const first = yield* create(few)
        yield* create(few)
        maxima.set(few, 1)
        assert.deepInclude({ ...(yield* Effect.flip(create(few))) }, { _tag: "TooManyKeys", maximum: 1 })
        assert.strictEqual((yield* keys.verify(first.token)).apiKey.id, first.apiKey.id)
        assert.strictEqual((yield* keys.update(first.apiKey.id, { ownerId: few, name: "renamed" })).name, "renamed")
        maxima.set(few, 3)
        yield* create(few)
        for (const wrong of [-1, 0.5, NaN]) {
          maxima.set(few, wrong)
          const exit = yield* Effect.exit(create(few))
          assert.include(String(exit), "maxKeysPerOwner of an owner must be a whole number")
        }
      }),
    )

    it.effect("lets an import through, whose keys count", () =>
      Effect.gen(function* () {
        const unbounded = yield* start({})
        const ownerId = newOwner()
        for (let i = 0; i < 3; i++) yield* unbounded.create({ name: `k${i}`, ownerId })
        const lines = yield* Stream.runCollect(unbounded.export({ hashes: true, filter: { ownerId } }))
        const all = yield* Stream.runCollect(unbounded.stream({ ownerId }))
        for (const { id } of all) yield* unbounded.delete(id)
        const keys = yield* start({ maxKeysPerOwner: 2 })
        const events = yield* Stream.runCollect(
          keys.import(ApiKeyTransfer.fromNdjson(Stream.fromIterable(lines)), { unknownHashes: "accept" }),
        )
        assert.deepInclude(events.at(-1), { inserted: 3, refused: 0 })
        assert.strictEqual((yield* Effect.flip(keys.create({ name: "k", ownerId })))._tag, "TooManyKeys")
      }),
    )
  })
}
