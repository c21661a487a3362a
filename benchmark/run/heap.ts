// What a cached key takes of the heap: 100,000 keys (or as many as the first argument says) are verified with the cache and without, and the growths compared. The repository hands
// out a record of its own for each look-up, as a database does.
import { DateTime, Effect, Layer, Option, Redacted } from "effect"
import { ApiKey, type KeyId, StoredApiKey } from "../../src/ApiKey.ts"
import { ApiKeyHasher } from "../../src/ApiKeyHasher.ts"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { emit } from "../figure.ts"
import { createKeys, layerHmac, layerMemory } from "../support/keys.ts"
import { inOneFiber } from "../support/loop.ts"
import { keyIdOf, Tokens } from "../support/tokens.ts"

const count = Number(process.argv[2] ?? 100_000)

/** Strings that share nothing with others: `slice` and the like would point into their source. */
const copy = <A extends string>(text: A): A => Buffer.from(text, "latin1").toString("latin1") as A

const copyOf = ({ apiKey, hash, previousHash }: StoredApiKey): StoredApiKey =>
  new StoredApiKey(
    {
      apiKey: new ApiKey(
        {
          ...apiKey,
          id: copy(apiKey.id),
          keyId: copy(apiKey.keyId),
          prefix: copy(apiKey.prefix),
          name: copy(apiKey.name),
          ownerId: apiKey.ownerId === null ? null : copy(apiKey.ownerId),
          scopes: apiKey.scopes.map(copy),
          metadata: {},
          createdAt: DateTime.makeUnsafe(apiKey.createdAt.epochMilliseconds),
          updatedAt: DateTime.makeUnsafe(apiKey.updatedAt.epochMilliseconds),
          hint: copy(apiKey.hint),
        },
        { disableChecks: true },
      ),
      hash: Redacted.make(copy(Redacted.value(hash)), { label: "hash" }),
      previousHash,
    },
    { disableChecks: true },
  )

/** Look-ups since the start: a key that the cache holds needs none. */
let lookUps = 0

const program = Effect.gen(function* () {
  const repository = yield* ApiKeyRepository
  const hasher = yield* ApiKeyHasher
  const tokens = new Tokens(yield* createKeys(count))
  const copies = Layer.succeed(ApiKeyRepository, {
    ...repository,
    // The instant of a use goes into the record, which then is another one; that isn't the cache's.
    touch: () => Effect.succeed([]),
    findByKeyId: (keyId: KeyId) => {
      lookUps++
      return Effect.map(repository.findByKeyId(keyId), Option.map(copyOf))
    },
  })
  const growth = (cache: ApiKeys.Options["cache"]) =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const pass = () => Effect.promise(() => inOneFiber(count, (index) => apiKeys.verify(copy(tokens.at(index)))))
      const before = yield* settledHeap
      yield* pass()
      // When keys were last used is written by then, and forgotten.
      yield* Effect.sleep("3 seconds")
      const after = yield* settledHeap
      const seen = lookUps
      yield* pass()
      return { bytes: (after - before) / count, missed: lookUps - seen }
    }).pipe(
      Effect.provide(
        Layer.provide(ApiKeys.layerWith({ cache, lastUsedInterval: "1 second" }), [copies, Layer.succeed(ApiKeyHasher, hasher)]),
      ),
    )
  const before = yield* settledHeap
  const records: Array<ApiKey> = []
  for (let index = 0; index < count; index++) {
    // A token's second part is what the brand stands for.
    const stored = yield* repository.findByKeyId(keyIdOf(tokens.at(index)) as KeyId)
    if (Option.isSome(stored)) records.push(copyOf(stored.value).apiKey)
  }
  emit({
    benchmark: "heap",
    name: "heap per record alone",
    unit: "bytes",
    value: ((yield* settledHeap) - before) / records.length,
    note: "for comparison: the same records in an array",
  })
  records.length = 0
  const without = yield* growth("off")
  const first = yield* growth(undefined)
  const second = yield* growth(undefined)
  emit({
    benchmark: "heap",
    name: "heap per cached key, without metadata",
    unit: "bytes",
    target: { atMost: 650 },
    value: Math.max(first.bytes, second.bytes) - without.bytes,
    note: `${count.toLocaleString("en")} keys with a name, an owner and a scope; ${first.missed} of them had to be looked up again`,
  })
})

/** Garbage may take several collections to go. */
const settledHeap = Effect.gen(function* () {
  for (let collection = 0; collection < 5; collection++) {
    globalThis.gc?.()
    yield* Effect.sleep("50 millis")
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
})

await Effect.runPromise(Effect.provide(program, Layer.provideMerge(layerMemory(), layerHmac)))
