/** What the tests here share. */
import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric, Option, Redacted, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { ApiKey, type KeyId, StoredApiKey } from "../../src/ApiKey.ts"
import { HasherError, RepositoryError } from "../../src/ApiKeyError.ts"
import { ApiKeyHasher, scheme } from "../../src/ApiKeyHasher.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import * as Pepper from "../../src/hasher/Pepper.ts"
import * as Sha256 from "../../src/legacy/Sha256.ts"
import type { LegacyTokens } from "../../src/LegacyTokens.ts"
import { makeHub, settings } from "../support/nodes.ts"

export type Node = ApiKeys.ApiKeys["Service"]

export type Hasher = ApiKeyHasher["Service"]

export const pepper = (id: string): Pepper.Pepper => ({ id, value: Redacted.make(`the pepper with the id ${id}, random`) })

export const old = pepper("2025")

export const next = pepper("2026")

export const ringOf = (current: Pepper.Pepper, ...older: ReadonlyArray<Pepper.Pepper>): Pepper.PepperRing => ({ current, older })

export const build = (layer: Layer.Layer<ApiKeyHasher, unknown, Pepper.Peppers>, peppers: { ring: Pepper.PepperRing }) =>
  layer.pipe(
    Layer.provide(Layer.succeed(Pepper.Peppers, { ring: Effect.sync(() => peppers.ring) })),
    Layer.build,
    Effect.flatMap((context) => Effect.provide(ApiKeyHasher, context)),
    Effect.orDie,
  )

export const hmac = (...peppers: readonly [Pepper.Pepper, ...ReadonlyArray<Pepper.Pepper>]) =>
  build(Hmac.layerPeppers, { ring: ringOf(...peppers) })

export const unknownToken = (number: number) => {
  const body = `ak-${number.toString(16).padStart(16, "0")}-${"x".repeat(58)}`
  return body + ApiKeyToken.checksum(body)
}

/** Until what other threads compute is there. */
export const until = (what: string, isSo: Effect.Effect<boolean>) =>
  Effect.gen(function* () {
    for (let turn = 0; turn < 200_000; turn++) {
      if (yield* isSo) return
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
    assert.fail(`Waited in vain until ${what}`)
  })

export interface Instruments {
  lookUps: number
  /** Secrets that were checked. */
  checks: number
  /** Secrets that were hashed. */
  hashes: number
  attempts: number
  replaced: number
  /** Waited for before a hash is replaced, and before a token is. */
  beforeReplace: Effect.Effect<void, RepositoryError>
  beforeRotate: Effect.Effect<void>
  beforeHash: Effect.Effect<void, HasherError>
}

export interface Setting {
  readonly repository: Repository.ApiKeyRepository["Service"]
  readonly instruments: Instruments
  /** Starts nodes, which live as long as the test. */
  readonly start: (
    hasher: Hasher,
    options?: ApiKeys.Options,
  ) => Effect.Effect<{ readonly a: Node; readonly b: Node }, Effect.Error<ReturnType<typeof startOne>>, Scope.Scope>
  /** Runs with the service as it was before. */
  readonly before: <A, E>(hasher: Hasher, use: (apiKeys: Node) => Effect.Effect<A, E>) => Effect.Effect<A, E>
}

export const startOne = (options: ApiKeys.Options, hasher: Hasher, repository: Repository.ApiKeyRepository["Service"]) =>
  ApiKeys.layerWith(options).pipe(
    Layer.provide([Layer.succeed(ApiKeyHasher, hasher), Layer.succeed(Repository.ApiKeyRepository, repository)]),
    Layer.fresh,
    Layer.build,
    Effect.flatMap((context) => Effect.provide(ApiKeys.ApiKeys, context)),
  )

export const withSetting = <A, E>(count: number, common: ApiKeys.Options, test: (setting: Setting) => Effect.Effect<A, E, Scope.Scope>) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(1_800_000_000_000)
    const repository = yield* Repository.ApiKeyRepository
    const instruments: Instruments = {
      lookUps: 0,
      checks: 0,
      hashes: 0,
      attempts: 0,
      replaced: 0,
      beforeReplace: Effect.void,
      beforeRotate: Effect.void,
      beforeHash: Effect.void,
    }
    const observed: typeof repository = {
      ...repository,
      findByKeyId: (keyId: KeyId) =>
        Effect.suspend(() => {
          instruments.lookUps++
          return repository.findByKeyId(keyId)
        }),
      rotate: (...args) =>
        Effect.andThen(
          Effect.suspend(() => instruments.beforeRotate),
          repository.rotate(...args),
        ),
      replaceHash: (...args) =>
        Effect.suspend(() => {
          instruments.attempts++
          return instruments.beforeReplace
        }).pipe(
          Effect.andThen(repository.replaceHash(...args)),
          Effect.tap((isReplaced) => Effect.sync(() => void (instruments.replaced += isReplaced ? 1 : 0))),
        ),
    }
    const observe = (hasher: Hasher): Hasher => ({
      ...hasher,
      hash: (secret) =>
        Effect.suspend(() => {
          instruments.hashes++
          return Effect.andThen(instruments.beforeHash, hasher.hash(secret))
        }),
      verify: (secret, hash) =>
        Effect.suspend(() => {
          instruments.checks++
          return hasher.verify(secret, hash)
        }),
    })
    const hub = makeHub()
    return yield* test({
      repository,
      instruments,
      start: (hasher, options = {}) =>
        Effect.gen(function* () {
          // A wrong secret has no good seal, and is what these tests are about.
          const node = startOne({ seals: "preferred", ...common, ...options }, observe(hasher), observed)
          const a = yield* count === 1 ? node : Effect.provide(node, hub)
          const b = count === 1 ? a : yield* Effect.provide(node, hub)
          yield* TestClock.adjust("1 second")
          instruments.lookUps = instruments.checks = instruments.hashes = 0
          return { a, b }
        }),
      before: (hasher, use) => Effect.scoped(Effect.flatMap(Effect.orDie(startOne({}, hasher, repository)), use)),
    })
  }).pipe(Effect.scoped, Effect.provide(Layer.fresh(Repository.layerMemory)), Effect.provideService(Metric.MetricRegistry, new Map()))

export const each = (name: string, test: (setting: Setting) => Effect.Effect<void, unknown, Scope.Scope>) =>
  describe(name, () => {
    it.effect.each(settings)("%s", ([, count, options]) => withSetting(count, options, test))
  })

export const storedOf = ({ repository }: Setting, { id }: ApiKey) => Effect.map(repository.findById(id), Option.getOrThrow)

export const schemeOf = (hash: Redacted.Redacted | null) => (hash === null ? null : scheme(Redacted.value(hash)))

export const oldScheme = "$pepper=2025$hmac-sha256$v=1"

export const newScheme = "$pepper=2026$hmac-sha256$v=1"

/** A record of another system, as it comes in. */
export const insertRow = ({ repository }: Setting, system: Pick<LegacyTokens, "readRow">, row: Readonly<Record<string, unknown>>) =>
  Effect.gen(function* () {
    const { hash, ...record } = yield* Effect.fromResult(system.readRow(row))
    const apiKey = new ApiKey({
      ...record,
      policies: null,
      deactivatedAt: null,
      deactivationReason: null,
      version: 1,
      rotatedAt: null,
      previous: null,
    })
    yield* repository.insert(new StoredApiKey({ apiKey, hash, previousHash: null }))
    return apiKey
  })

export const hex = (text: string) => createHash("sha256").update(text).digest("hex")

export const rowOf = (token: string) => ({ id: token, key_hash: hex(token), name: "k", expires_at: null, revoked_at: null })

export const shop = Sha256.make({ prefix: "shop_" })

/** A key of the old pepper, and nodes that have the new one too. */
export const afterPepper = (setting: Setting, options: ApiKeys.Options = {}) =>
  Effect.gen(function* () {
    const created = yield* setting.before(yield* hmac(old), (apiKeys) => apiKeys.create({ name: "k" }))
    return { ...created, ...(yield* setting.start(yield* hmac(next, old), options)) }
  })
