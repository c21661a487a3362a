/** How nodes hear of changes, by a channel in memory that can be disturbed. */
import { assert } from "@effect/vitest"
import { Cause, Clock, Duration, Effect, Layer, Logger, Metric, Queue, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { KeyId } from "../../src/ApiKey.ts"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import { ApiKeyInvalidation, InvalidationError } from "../../src/ApiKeyInvalidation.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"

/** A channel that nodes share, whose connections can be cut, or go silent, and whose register can be slow, or lost. */
export const makeHub = (clock: Clock.Clock) => {
  const listeners = new Map<string, Queue.Queue<string, InvalidationError>>()
  const now = () => clock.currentTimeMillisUnsafe()
  /** The nodes, and until when they live. */
  const live = new Map<string, number>()
  const published: Array<string> = []
  const silent = new Set<string>()
  const state = {
    isDown: false,
    beforeAnswer: Effect.void as Effect.Effect<void>,
    /** Before a node is registered. */
    beforeRegistering: (_: string): Effect.Effect<void, InvalidationError> => Effect.void,
    isLost: (_name: string, _message: string): boolean => false,
    registerBegan: Number.NEGATIVE_INFINITY,
  }
  const away = (operation: string) => new InvalidationError({ operation, cause: "down" })
  const connect = (name: string): ApiKeyInvalidation["Service"] => {
    const whileUp = <A>(operation: string, run: () => A) =>
      Effect.suspend(() => (state.isDown ? Effect.fail(away(operation)) : Effect.sync(run)))
    return {
      announcesWrites: false,
      publish: (message) =>
        Effect.andThen(
          Effect.suspend(() => (message.startsWith("confirmed") ? state.beforeAnswer : Effect.void)),
          Effect.suspend(() =>
            state.isLost(name, message)
              ? Effect.fail(away("publish"))
              : whileUp("publish", () => {
                  published.push(message)
                  for (const [listener, queue] of listeners) if (!silent.has(listener)) Queue.offerUnsafe(queue, message)
                }),
          ),
        ),
      subscribe: Effect.andThen(
        whileUp("subscribe", () => undefined),
        Effect.acquireRelease(
          Effect.tap(Queue.unbounded<string, InvalidationError>(), (queue) => Effect.sync(() => listeners.set(name, queue))),
          () => Effect.sync(() => listeners.delete(name)),
        ),
      ),
      register: (node, lease) =>
        Effect.andThen(
          Effect.suspend(() => state.beforeRegistering(name)),
          whileUp("register", () => void live.set(node, now() + Duration.toMillis(lease))),
        ),
      unregister: (node) => whileUp("unregister", () => void live.delete(node)),
      nodes: whileUp("nodes", () => Array.from(live).flatMap(([node, until]) => (until > now() ? [node] : []))),
      registerAge: whileUp("registerAge", () => Duration.millis(now() - state.registerBegan)),
    }
  }
  const cut = Effect.sync(() => {
    state.isDown = true
    for (const queue of listeners.values()) Queue.failCauseUnsafe(queue, Cause.fail(away("listen")))
  })
  const breakDown = (cause: Cause.Cause<InvalidationError>) =>
    Effect.sync(() => {
      for (const queue of listeners.values()) Queue.failCauseUnsafe(queue, cause)
    })
  const restore = Effect.andThen(
    Effect.sync(() => {
      state.isDown = false
    }),
    TestClock.adjust("1 second"),
  )
  /** As when what holds it is emptied. */
  const loseRegister = Effect.sync(() => {
    live.clear()
    state.registerBegan = now()
  })
  return { connect, cut, breakDown, restore, loseRegister, silent, state, live, published }
}

export interface Cluster {
  readonly hub: ReturnType<typeof makeHub>
  readonly lookUps: { count: number }
  readonly repository: Repository.ApiKeyRepository["Service"]
  /** What was logged, but for details. */
  readonly logged: ReadonlyArray<string>
  /** What nodes ask, which may be made slow, or to fail. */
  readonly store: { -readonly [K in "findByKeyId" | "update"]: Repository.ApiKeyRepository["Service"][K] }
  /** Starts a node, which lives as long as the scope. */
  readonly start: (nodeName: string, wait?: Duration.Input) => Effect.Effect<ApiKeys.ApiKeys["Service"], never, Scope.Scope>
}

export const withCluster = <A, E>(test: (cluster: Cluster) => Effect.Effect<A, E, Scope.Scope>) => {
  const logged: Array<string> = []
  const details: Array<string> = []
  const logger = Logger.make(({ cause, logLevel, message }) => {
    const [text] = Array.isArray(message) ? message : [message]
    logged.push(`${logLevel}: ${String(text)}`)
    details.push(`${String(text)} ${Cause.pretty(cause)}`)
  })
  return Effect.gen(function* () {
    const hub = makeHub(yield* Clock.Clock)
    const lookUps = { count: 0 }
    const repository = yield* Repository.ApiKeyRepository
    const store: Cluster["store"] = { findByKeyId: repository.findByKeyId, update: repository.update }
    const services = Layer.mergeAll(
      Layer.succeed(Repository.ApiKeyRepository, {
        ...repository,
        update: (...change) => store.update(...change),
        findByKeyId: (keyId: KeyId) =>
          Effect.andThen(
            Effect.sync(() => lookUps.count++),
            Effect.suspend(() => store.findByKeyId(keyId)),
          ),
      }),
      Layer.succeedContext(yield* Layer.build(layerEphemeral)),
    )
    const start = (nodeName: string, wait: Duration.Input = "1 second") =>
      Effect.gen(function* () {
        const node = ApiKeys.layerWith({ nodeName }).pipe(
          Layer.provide([services, Layer.succeed(ApiKeyInvalidation, hub.connect(nodeName))]),
          Layer.orDie,
        )
        const context = yield* Layer.build(node)
        yield* TestClock.adjust(wait)
        return yield* Effect.provide(ApiKeys.ApiKeys, context)
      })
    const result = yield* test({ hub, lookUps, repository, logged, store, start })
    // A node may be the only one, and must not be told of others when it loses its database.
    for (const detail of details) assert.notMatch(detail, /other nodes/i)
    return result
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.merge(Layer.fresh(Repository.layerMemory), Logger.layer([logger]))),
    Effect.provideService(Metric.MetricRegistry, new Map()),
  )
}

/** Two nodes, and a key of `a` that `b` remembers. */
export const startPair = ({ start }: Cluster) =>
  Effect.gen(function* () {
    const a = yield* start("a")
    const b = yield* start("b")
    const { apiKey, token } = yield* a.create({ name: "k" })
    yield* b.verify(token)
    return { a, b, apiKey, token }
  })

/** Gives the nodes time to take what was published. */
export const delivered = TestClock.adjust("1 millis")

/** Runs an effect beside the test. */
export const begin = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

export const tagOf = <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
  Effect.match(effect, { onSuccess: () => "good", onFailure: ({ _tag }) => _tag })
