/** What the tests here share. */
import { Effect, Layer, type Option, Redacted } from "effect"
import { KeyId, type StoredApiKey } from "../../src/ApiKey.ts"
import { RepositoryError } from "../../src/ApiKeyError.ts"
import { ApiKeyHasher } from "../../src/ApiKeyHasher.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"

/** A well-formed token for the same key id whose secret is wrong. */
export const wrongSecret = (token: Redacted.Redacted, variant = 0) => {
  const text = Redacted.value(token)
  const body = text.slice(0, -8) + (text.at(-8) === "A" ? "B" : "A") + "0123456789"[variant]
  return body + ApiKeyToken.checksum(body)
}

export const unknownToken = (number: number, prefix = "ak") => {
  const body = `${prefix}-${number.toString(16).padStart(16, "0")}-${"x".repeat(58)}`
  return body + ApiKeyToken.checksum(body)
}

/** Counts what verification costs, and can hold it up. */
export interface Instruments {
  lookUps: number
  hashes: number
  /** Waited for by each look-up, before or after it reads. */
  beforeRead: Effect.Effect<void>
  afterRead: Effect.Effect<void>
  /** What the store answers instead of what it holds. */
  answer: (stored: Option.Option<StoredApiKey>) => Option.Option<StoredApiKey>
  /** Waited for by each hash. */
  beforeHash: Effect.Effect<void>
  failure: RepositoryError | undefined
  /** Waited for by each change, once it was made. */
  afterWrite: Effect.Effect<void, RepositoryError>
  /** What `touch` was given. */
  readonly touched: Array<ReadonlyArray<{ readonly id: string }>>
}

export const makeInstruments = (): Instruments => ({
  lookUps: 0,
  hashes: 0,
  beforeRead: Effect.void,
  afterRead: Effect.void,
  answer: (stored) => stored,
  beforeHash: Effect.void,
  failure: undefined,
  afterWrite: Effect.void,
  touched: [],
})

export const layerInstrumented = (instruments: Instruments) =>
  Layer.mergeAll(
    Layer.effect(
      Repository.ApiKeyRepository,
      Effect.map(Repository.ApiKeyRepository, (repository) => ({
        ...repository,
        update: (...args: Parameters<typeof repository.update>) => Effect.tap(repository.update(...args), () => instruments.afterWrite),
        delete: (...args: Parameters<typeof repository.delete>) => Effect.tap(repository.delete(...args), () => instruments.afterWrite),
        touch: (uses: Parameters<typeof repository.touch>[0]) => {
          if (uses.length > 0) instruments.touched.push(uses)
          return repository.touch(uses)
        },
        findByKeyId: (keyId: KeyId) =>
          Effect.suspend(() => {
            instruments.lookUps++
            if (instruments.failure !== undefined) return Effect.fail(instruments.failure)
            const { beforeRead, afterRead } = instruments
            return beforeRead.pipe(
              Effect.andThen(repository.findByKeyId(keyId)),
              Effect.tap(() => afterRead),
              Effect.map(instruments.answer),
            )
          }),
      })),
    ).pipe(Layer.provideMerge(Layer.fresh(Repository.layerMemory))),
    Layer.succeed(ApiKeyHasher, {
      hash: (secret) => Effect.succeed(Redacted.make(`plain ${Redacted.value(secret)}`)),
      verify: (secret, hash) =>
        Effect.suspend(() => {
          instruments.hashes++
          return Effect.as(instruments.beforeHash, Redacted.value(hash) === `plain ${Redacted.value(secret)}`)
        }),
    }),
  )

export const withKeys = <A, E>(
  test: (
    apiKeys: ApiKeys.ApiKeys["Service"],
    instruments: Instruments,
    repository: Repository.ApiKeyRepository["Service"],
  ) => Effect.Effect<A, E>,
  options: ApiKeys.Options = {},
) => {
  const instruments = makeInstruments()
  return Effect.gen(function* () {
    instruments.lookUps = instruments.hashes = 0
    return yield* test(yield* ApiKeys.ApiKeys, instruments, yield* Repository.ApiKeyRepository)
  }).pipe(Effect.provide(ApiKeys.layerWith(options).pipe(Layer.provideMerge(layerInstrumented(instruments)))))
}

export const tagOf = <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
  Effect.match(effect, { onSuccess: () => "good", onFailure: ({ _tag }) => _tag })
