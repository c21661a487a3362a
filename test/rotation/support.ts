/** What the tests here share. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Layer, Redacted, Result, type Scope } from "effect"
import { TestClock } from "effect/testing"
import type { KeyId, UsedToken } from "../../src/ApiKey.ts"
import { type VerifyError } from "../../src/ApiKeyError.ts"
import { ApiKeyHasher, layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import { makeHub, settings } from "../support/nodes.ts"

export type Node = ApiKeys.ApiKeys["Service"]

export const keyIdOf = (token: Redacted.Redacted): KeyId => Result.getOrThrow(ApiKeyToken.parse(Redacted.value(token))).keyId

export interface Setting {
  readonly nodes: ReadonlyArray<Node>
  readonly a: Node
  /** The last one, which is the first one too where there is but one. */
  readonly b: Node
  readonly repository: Repository.ApiKeyRepository["Service"]
}

/** As long as a use may take to be written. */
export const written = TestClock.adjust("13 seconds")

/** What the nodes live in, if it is told. */
export interface World<E> {
  readonly layer?: Layer.Layer<Repository.ApiKeyRepository, E>
  readonly adapt?: (repository: Repository.ApiKeyRepository["Service"]) => Repository.ApiKeyRepository["Service"]
  readonly hub?: ReturnType<typeof makeHub>
}

export const withNodes = <A, E, E2 = never>(
  count: number,
  options: ApiKeys.Options,
  test: (setting: Setting) => Effect.Effect<A, E, Scope.Scope>,
  { layer, adapt = (repository) => repository, hub = makeHub() }: World<E2> = {},
) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(1_800_000_000_000)
    const repository = yield* Repository.ApiKeyRepository
    const shared = Layer.merge(
      Layer.succeed(Repository.ApiKeyRepository, adapt(repository)),
      Layer.succeed(ApiKeyHasher, yield* ApiKeyHasher),
    )
    const node = ApiKeys.layerWith(options).pipe(Layer.provide(count === 1 ? shared : Layer.merge(shared, hub)), Layer.orDie)
    const nodes = yield* Effect.replicateEffect(
      Effect.flatMap(Layer.build(Layer.fresh(node)), (context) => Effect.provide(ApiKeys.ApiKeys, context)),
      count,
    )
    yield* TestClock.adjust("1 second")
    const [a] = nodes
    const b = nodes.at(-1)
    assert.isDefined(a)
    assert.isDefined(b)
    return yield* test({ nodes, a, b, repository })
  }).pipe(Effect.scoped, Effect.provide(layerEphemeral), Effect.provide(Layer.fresh(layer ?? Repository.layerMemory)))

/** What verification says, and when it says that the token ended. */
export interface Answer {
  readonly tag: "good" | VerifyError["_tag"]
  readonly usedToken?: UsedToken
  readonly expiresAt?: number
}

export const ask = (node: Node, token: Redacted.Redacted, options?: ApiKeys.VerifyOptions): Effect.Effect<Answer> =>
  Effect.match(node.verify(token, options), {
    onSuccess: ({ usedToken }): Answer => ({ tag: "good", usedToken }),
    onFailure: (error): Answer =>
      error._tag === "Expired" ? { tag: "Expired", expiresAt: error.expiresAt.epochMilliseconds } : { tag: error._tag },
  })

export const current: Answer = { tag: "good", usedToken: "current" }

export const previous: Answer = { tag: "good", usedToken: "previous" }

export const expiredAt = (expiresAt: number): Answer => ({ tag: "Expired", expiresAt })

export const each = (name: string, test: (setting: Setting) => Effect.Effect<void, unknown, Scope.Scope>, more: ApiKeys.Options = {}) =>
  describe(name, () => {
    it.effect.each(settings)("%s", ([, count, options]) => withNodes(count, { ...options, ...more }, test))
  })

export const plus = (now: DateTime.Utc, duration: Duration.Input): DateTime.Utc =>
  DateTime.addDuration(now, Duration.fromInputUnsafe(duration))
