/** What tests of what a token's seal decides share. */
import { assert } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ApiKeyHasher } from "../../src/ApiKeyHasher.ts"
import { ApiKeyRepository, layerMemory } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import * as Pepper from "../../src/hasher/Pepper.ts"
import { makeHub, settled } from "../support/nodes.ts"

export const pepper = (id: string): Pepper.Pepper => ({ id, value: Redacted.make(`${id}: a pepper of a test of seals`) })

/** A token of the right form and checksum, for this key id or another one. */
export const invented = (keyId = "0123456789abcdef", digit = "x"): string => {
  const body = `ak-${keyId}-${digit.repeat(58)}`
  return body + ApiKeyToken.checksum(body)
}

export interface Node {
  readonly apiKeys: ApiKeys.ApiKeys["Service"]
  /** Since the start. */
  readonly work: { lookUps: number; hashes: number }
  /** How a verification ends. */
  readonly ask: (token: string | Redacted.Redacted) => Effect.Effect<string>
  readonly setRing: (current: Pepper.Pepper, ...older: ReadonlyArray<Pepper.Pepper>) => void
}

/** A node over the store of the context. */
export const startNode = (options: ApiKeys.Options = {}, current = pepper("a"), ...older: ReadonlyArray<Pepper.Pepper>) =>
  Effect.gen(function* () {
    const repository = yield* ApiKeyRepository
    const work = { lookUps: 0, hashes: 0 }
    let ring: Pepper.PepperRing = { current, older }
    const counted = Layer.succeed(ApiKeyRepository, {
      ...repository,
      findByKeyId: (keyId) =>
        Effect.suspend(() => {
          work.lookUps++
          return repository.findByKeyId(keyId)
        }),
    })
    const hasher = Layer.effect(
      ApiKeyHasher,
      ApiKeyHasher.use((hasher) =>
        Effect.succeed({
          ...hasher,
          verify: (secret: Redacted.Redacted, hash: Redacted.Redacted) => {
            work.hashes++
            return hasher.verify(secret, hash)
          },
        }),
      ),
    ).pipe(Layer.provide(Hmac.layerPeppers), Layer.provide(Layer.succeed(Pepper.Peppers, { ring: Effect.sync(() => ring) })))
    const services = yield* Layer.build(ApiKeys.layerWith(options).pipe(Layer.provide([counted, hasher])))
    const apiKeys = yield* Effect.provide(ApiKeys.ApiKeys, services)
    yield* settled
    work.lookUps = 0
    work.hashes = 0
    const node: Node = {
      apiKeys,
      work,
      ask: (token) =>
        Effect.match(apiKeys.verify(token), {
          onSuccess: () => "good",
          onFailure: (error) => (error._tag === "MalformedToken" ? error.reason : error._tag),
        }),
      setRing: (current, ...older) => {
        ring = { current, older }
      },
    }
    return node
  })

export const create = ({ apiKeys }: Node) => Effect.map(apiKeys.create({ name: "k" }), ({ token, apiKey }) => ({ token, apiKey }))

/** The key's line of an export, without its seal. */
export const unsealedLine = ({ apiKeys }: Node, id: string) =>
  Effect.map(Stream.runCollect(apiKeys.export({ hashes: true })), (lines): unknown => {
    const { sealId: _, ...row } = JSON.parse(lines.find((line) => line.includes(id)) ?? "") as { readonly sealId: string }
    return row
  })

export const runImport = ({ apiKeys }: Node, rows: ReadonlyArray<unknown>) => Stream.runDrain(apiKeys.import(Stream.fromIterable(rows)))

/** Longer than the node takes to look at what has changed. */
export const looked = Effect.andThen(TestClock.adjust("2 seconds"), settled)
export const lookedAtAll = Effect.andThen(TestClock.adjust("61 seconds"), settled)

export const InTransaction = Context.Reference<boolean>("test/InTransaction", { defaultValue: () => false })
/** A store within whose transactions `InTransaction` is set. None is committed. */
export const transactional = (repository: ApiKeyRepository["Service"]) =>
  Layer.succeed(ApiKeyRepository, {
    ...repository,
    transaction: {
      isOpen: (context) => Context.get(context, InTransaction),
      run: (effect) => effect,
      afterCommit: () => Effect.void,
    },
  })

/** Two nodes that find all tokens sealed, and their channel. The second one lacks a key of the first. */
export const startTwo = Effect.gen(function* () {
  const channel = { isLost: false }
  const hub = makeHub(() => channel.isLost)
  const one = yield* Effect.provide(startNode({}, pepper("a"), pepper("b")), hub)
  const two = yield* Effect.provide(startNode({}, pepper("b")), hub)
  yield* TestClock.adjust("5 seconds")
  yield* lookedAtAll
  assert.strictEqual(yield* two.ask(invented()), "seal")
  return { channel, one, two }
})

export const withStore = <A, E>(effect: Effect.Effect<A, E, ApiKeyRepository | Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide(Layer.fresh(layerMemory)))
