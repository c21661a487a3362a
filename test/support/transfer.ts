/** What the tests of imports and exports share. */
import { assert, layer as describeWith } from "@effect/vitest"
import { Arbitrary, Effect, Layer, Redacted, Schema, Stream } from "effect"
import { ApiKey, keyIdsOf, type StoredApiKey } from "../../src/ApiKey.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyTransfer from "../../src/ApiKeyTransfer.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import { arbitraries } from "../../src/testing.ts"

const encodeKey = Schema.encodeSync(Schema.toCodecJson(ApiKey))

/** Whatever there is of a stored key, to compare. */
export const plain = ({ apiKey, hash, previousHash }: StoredApiKey) => ({
  apiKey: encodeKey(apiKey),
  hash: Redacted.value(hash),
  previousHash: previousHash === null ? null : Redacted.value(previousHash),
})

export const progressOf = (events: ReadonlyArray<ApiKeyTransfer.ImportEvent>) => {
  const last = events.at(-1)
  if (last?._tag !== "Progress") return assert.fail("The last event isn't about progress")
  const { _tag, ...progress } = last
  return progress
}

export const refusedOf = (events: ReadonlyArray<ApiKeyTransfer.ImportEvent>) =>
  events.flatMap((event) => (event._tag === "Refused" ? [{ row: event.row, field: event.field, reason: event.reason }] : []))

/** The same wherever keys go, as peppers have to be. */
export const layerHasher = Hmac.layer({ pepper: Redacted.make("a pepper that goes along with the keys") })

/** The service in a memory of its own. */
export const layerOwn = (options: ApiKeys.Options = {}) =>
  ApiKeys.layerWith(options).pipe(Layer.provideMerge(layerHasher), Layer.provideMerge(Layer.fresh(Repository.layerMemory)))

const exported = ApiKeys.ApiKeys.use((apiKeys) => Stream.runCollect(apiKeys.export({ hashes: true })))

const imported = (lines: ReadonlyArray<string>) =>
  ApiKeys.ApiKeys.use((apiKeys) =>
    Stream.runCollect(apiKeys.import(ApiKeyTransfer.fromNdjson(Stream.fromIterable(lines)), { unknownHashes: "accept" })),
  )

const stored = Effect.map(
  Repository.ApiKeyRepository.use((repository) => Stream.runCollect(repository.streamStored({}))),
  (keys) => keys.map(plain),
)

/** Any records go from memory to the database and back to another memory, and nothing of them changes. */
export const roundTrips = <E>(name: string, database: Layer.Layer<ApiKeys.ApiKeys | Repository.ApiKeyRepository, E>, runs: number) => {
  const distinct = (keys: ReadonlyArray<StoredApiKey>): ReadonlyArray<StoredApiKey> => {
    const seen = new Set<string>()
    return keys.filter(({ apiKey }) => {
      const own = [apiKey.id, ...keyIdsOf(apiKey)]
      const isNew = new Set(own).size === own.length && own.every((id) => !seen.has(id))
      if (isNew) for (const id of own) seen.add(id)
      return isNew
    })
  }
  describeWith(database)(`an export and an import, by way of ${name}`, (it) => {
    it.effect.prop(
      "lose nothing of any records",
      { some: Arbitrary.array(arbitraries.storedApiKey, { maxLength: 20 }) },
      ({ some }) =>
        Effect.gen(function* () {
          const keys = distinct(some)
          const first = yield* Effect.gen(function* () {
            yield* Repository.ApiKeyRepository.use((repository) => repository.insertMany(keys))
            return { lines: yield* exported, stored: yield* stored }
          }).pipe(Effect.provide(layerOwn(), { local: true }))
          assert.lengthOf(first.stored, keys.length)

          const counts = { read: keys.length, inserted: keys.length, present: 0, refused: 0 }
          assert.deepStrictEqual(progressOf(yield* imported(first.lines)), counts)
          assert.deepStrictEqual(yield* stored, first.stored)
          const lines = yield* exported

          const last = yield* Effect.gen(function* () {
            assert.deepStrictEqual(progressOf(yield* imported(lines)), counts)
            return yield* stored
          }).pipe(Effect.provide(layerOwn(), { local: true }))
          assert.deepStrictEqual(last, first.stored)
          const repository = yield* Repository.ApiKeyRepository
          yield* Effect.forEach(keys, ({ apiKey }) => repository.delete(apiKey.id))
        }),
      { arbitrary: { runs } },
    )
  })
}
