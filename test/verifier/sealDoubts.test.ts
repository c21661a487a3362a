/** Changes whose answer isn't known: no token that one of them lets work is refused for its seal meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Fiber, Latch } from "effect"
import { TestClock } from "effect/testing"
import type { ApiKeyId } from "../../src/ApiKey.ts"
import { RepositoryError } from "../../src/ApiKeyError.ts"
import { ApiKeyInvalidation } from "../../src/ApiKeyInvalidation.ts"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import type * as ApiKeys from "../../src/ApiKeys.ts"
import type * as Pepper from "../../src/hasher/Pepper.ts"
import { makeHub, settled } from "../support/nodes.ts"
import {
  create,
  InTransaction,
  invented,
  lookedAtAll,
  type Node,
  pepper,
  runImport,
  startNode,
  transactional,
  unsealedLine,
  withStore,
} from "./sealedNodes.ts"

type Store = ApiKeyRepository["Service"]
type Write = <A, E>(write: Effect.Effect<A, E>) => Effect.Effect<A, E | RepositoryError>

const withWrites = (store: Store, write: Write): Store => ({
  ...store,
  insertMany: (keys) => write(store.insertMany(keys)),
  update: (id, fields, options) => write(store.update(id, fields, options)),
})

/** Two nodes that find all tokens that work sealed; of three that don't work, neither has the sealing key. */
const start = Effect.gen(function* () {
  const store = yield* ApiKeyRepository
  const other = yield* startNode({}, pepper("other"))
  const inactive = yield* create(other)
  yield* other.apiKeys.deactivate(inactive.apiKey.id)
  const expired = yield* other.apiKeys.create({ name: "k", expiresAt: DateTime.makeUnsafe(1_000) })
  const gone = yield* create(other)
  const row = yield* unsealedLine(other, gone.apiKey.id)
  yield* other.apiKeys.delete(gone.apiKey.id)
  const writes: { how: Write } = { how: (write) => write }
  const hub = yield* Effect.provide(ApiKeyInvalidation, makeHub())
  const channel = { isDead: false }
  const options: ApiKeys.Options = { acceptMissingPeppers: true }
  const one = yield* startNode(options).pipe(
    Effect.provideService(ApiKeyInvalidation, {
      ...hub,
      publish: (message) => Effect.suspend(() => (channel.isDead ? Effect.void : hub.publish(message))),
    }),
    Effect.provideService(
      ApiKeyRepository,
      withWrites(store, (write) => Effect.suspend(() => writes.how(write))),
    ),
  )
  const two = yield* Effect.provideService(startNode(options), ApiKeyInvalidation, hub)
  yield* TestClock.adjust("5 seconds")
  yield* lookedAtAll
  for (const node of [one, two]) assert.strictEqual(yield* node.ask(invented()), "seal")
  return { nodes: [one, two], one, two, channel, writes, inactive, expired, gone, row }
})

type World = Effect.Success<typeof start>

const cases = [
  ["An import", ({ gone }: World) => gone.token, ({ one, row }: World) => runImport(one, [row])],
  ["An activation", ({ inactive }: World) => inactive.token, ({ one, inactive }: World) => one.apiKeys.activate(inactive.apiKey.id)],
  [
    "An update of the status",
    ({ inactive }: World) => inactive.token,
    ({ one, inactive }: World) => one.apiKeys.update(inactive.apiKey.id, { isActive: true }),
  ],
  [
    "An end that is taken away",
    ({ expired }: World) => expired.token,
    ({ one, expired }: World) => one.apiKeys.update(expired.apiKey.id, { expiresAt: null }),
  ],
] as const

const second = Effect.andThen(TestClock.adjust("1 second"), settled)

/** Has each write answer like that at once, and gives the last one, for it to take place later. */
const answerLate = ({ writes }: World, answer: Effect.Effect<never, RepositoryError>): Effect.Effect<unknown> => {
  let late: Effect.Effect<unknown> = Effect.void
  writes.how = (write) => {
    late = Effect.ignore(write)
    return answer
  }
  return Effect.suspend(() => late)
}

for (const [what, tokenOf, change] of cases) {
  describe(what, () => {
    it.effect("whose answer is lost, and that takes place later, ends the refusal of its token until that is known", () =>
      withStore(
        Effect.gen(function* () {
          const world = yield* start
          const late = answerLate(
            world,
            Effect.fail(new RepositoryError({ operation: "write", isRetryable: true, cause: "The connection is lost" })),
          )
          yield* Effect.flip(change(world))
          yield* second
          for (let passed = 1; passed < 150; passed++) {
            if (passed === 25) yield* late
            for (const node of world.nodes) assert.notStrictEqual(yield* node.ask(tokenOf(world)), "seal", `after ${passed} s`)
            yield* second
          }
          assert.strictEqual(yield* world.two.ask(invented()), "NotFound")
        }),
      ),
    )

    it.effect("that never takes place leaves the rule as it was", () =>
      withStore(
        Effect.gen(function* () {
          const world = yield* start
          world.writes.how = () => Effect.fail(new RepositoryError({ operation: "write", isRetryable: true, cause: "away" }))
          yield* Effect.flip(change(world))
          for (let passed = 0; passed < 150; passed++) yield* second
          for (const node of world.nodes) assert.strictEqual(yield* node.ask(tokenOf(world)), "seal")
        }),
      ),
    )

    it.effect("is looked up for from before it is sent, and by all nodes", () =>
      withStore(
        Effect.gen(function* () {
          const world = yield* start
          const answered = yield* Latch.make()
          world.writes.how = (write) => Effect.tap(write, () => answered.await)
          const changing = yield* Effect.forkChild(change(world))
          yield* settled
          yield* TestClock.adjust("1 millis")
          yield* settled
          for (let passed = 0; passed < 20; passed++) {
            for (const node of world.nodes) assert.strictEqual(yield* node.ask(tokenOf(world)), "HasherError", `after ${passed} s`)
            yield* second
          }
          yield* answered.open
          yield* Fiber.join(changing)
          for (let passed = 0; passed < 70; passed++) {
            yield* second
            for (const node of world.nodes) assert.strictEqual(yield* node.ask(tokenOf(world)), "HasherError", `after ${passed} s`)
          }
        }),
      ),
    )

    it.effect("of a node that goes in the middle of it ends the refusal, too", () =>
      withStore(
        Effect.gen(function* () {
          const world = yield* start
          const late = answerLate(world, Effect.never)
          yield* Effect.forkChild(change(world))
          yield* settled
          world.channel.isDead = true
          yield* second
          for (let passed = 1; passed < 150; passed++) {
            if (passed === 25) yield* late
            assert.notStrictEqual(yield* world.two.ask(tokenOf(world)), "seal", `after ${passed} s`)
            yield* second
          }
        }),
      ),
    )
  })
}

it.effect("A change under way that lets no token work refuses strangers all the time", () =>
  withStore(
    Effect.gen(function* () {
      const world = yield* start
      const answered = yield* Latch.make()
      world.writes.how = (write) => Effect.tap(write, () => answered.await)
      const { apiKey } = yield* create(world.two)
      yield* lookedAtAll
      const changing = yield* Effect.forkChild(world.one.apiKeys.update(apiKey.id, { name: "another", isActive: false }))
      yield* settled
      yield* second
      for (const node of world.nodes) assert.strictEqual(yield* node.ask(invented()), "seal")
      yield* answered.open
      yield* Fiber.join(changing)
      yield* second
      for (const node of world.nodes) assert.strictEqual(yield* node.ask(invented()), "seal")
    }),
  ),
)

const issues: ReadonlyArray<readonly [string, (node: Node, id: ApiKeyId) => Effect.Effect<ApiKeys.Created, unknown>]> = [
  ["creates a key", ({ apiKeys }) => apiKeys.create({ name: "new" })],
  ["rotates a key", ({ apiKeys }, id) => apiKeys.rotate(id, { grace: 0 })],
]

for (const [what, issue] of issues) {
  it.effect(`A transaction that ${what}, and whose commit has no answer, has its token refused by no node`, () =>
    withStore(
      Effect.gen(function* () {
        const hub = yield* Effect.provide(ApiKeyInvalidation, makeHub())
        const start = (...ring: readonly [Pepper.Pepper, ...ReadonlyArray<Pepper.Pepper>]) =>
          Effect.provideService(startNode({ acceptMissingPeppers: true }, ...ring), ApiKeyInvalidation, hub)
        const one = yield* Effect.provide(start(pepper("b"), pepper("a")), transactional(yield* ApiKeyRepository))
        const two = yield* start(pepper("b"))
        const { apiKey } = yield* create(one)
        yield* TestClock.adjust("5 seconds")
        yield* lookedAtAll
        assert.strictEqual(yield* two.ask(invented()), "seal")
        // The first node seals by a key that the second one lacks.
        one.setRing(pepper("a"), pepper("b"))
        yield* second
        const { token } = yield* Effect.provideService(issue(one, apiKey.id), InTransaction, true)
        yield* settled
        for (let passed = 0; passed < 150; passed++) {
          assert.strictEqual(yield* two.ask(token), "HasherError", `after ${passed} s`)
          yield* second
        }
      }),
    ),
  )
}
