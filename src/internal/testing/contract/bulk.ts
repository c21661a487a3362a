import { assert } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { ApiKey, type KeyId, keyIdsOf, PreviousToken, StoredApiKey } from "../../../ApiKey.ts"
import type { Bulk, LookUps, Records } from "../../record/contract.ts"
import * as arbitraries from "../arbitraries.ts"
import { makeStoredApiKey } from "../fixtures.ts"
import { contractOf, encode, type FacetContract, getWith, insertWith, instant, type Methods, owner, plain, replaceWith } from "./suite.ts"

/** The functions that the tests of bulk use. @category tests @since 0.1.0 */
export interface BulkStore extends Bulk, Pick<Records, "insert" | "rotate" | "delete">, Pick<LookUps, "findById"> {}

/** Adds the tests of bulk to a suite of one's own. */
export const bulkTests = <R>(it: Methods<R>, store: Effect.Effect<BulkStore, never, R>): void => {
  const insert = insertWith(store)
  const get = getWith(store)
  const replace = replaceWith(store)

  it.effect.prop(
    "inserts many at once as it does one by one",
    { keys: Arbitrary.array(arbitraries.storedApiKey, { maxLength: 12 }) },
    ({ keys: generated }) =>
      Effect.gen(function* () {
        const repository = yield* store
        const keys = generated.map(({ apiKey, ...hashes }) => {
          const [{ id, keyId }, { keyId: previousKeyId }] = [makeStoredApiKey().apiKey, makeStoredApiKey().apiKey]
          const previous = apiKey.previous === null ? null : new PreviousToken({ ...apiKey.previous, keyId: previousKeyId })
          return new StoredApiKey({ apiKey: new ApiKey({ ...apiKey, id, keyId, previous }), ...hashes })
        })
        assert.deepStrictEqual(
          yield* repository.insertMany(keys),
          keys.map(() => true),
        )
        for (const key of keys) {
          assert.deepStrictEqual(Option.map(yield* repository.findById(key.apiKey.id), plain), Option.some(plain(key)))
        }
        assert.deepStrictEqual(
          yield* repository.insertMany(keys),
          keys.map(() => false),
        )
        yield* Effect.forEach(keys, ({ apiKey }) => repository.delete(apiKey.id))
      }),
    { arbitrary: { runs: 20 } },
  )

  it.effect("inserts of many those that are free, and says which", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const there = yield* replace(yield* insert())
      const [one, two] = [makeStoredApiKey(), makeStoredApiKey()]
      const { keyId: three } = makeStoredApiKey().apiKey
      const clashing = makeStoredApiKey({ keyId: there.keyId })
      const formerOf = (keyId: KeyId) => new PreviousToken({ keyId, hint: "hint", expiresAt: null, graceSeconds: 1, lastUsedAt: null })
      const batch = [
        makeStoredApiKey({ id: there.id }),
        one,
        clashing,
        makeStoredApiKey({ id: clashing.apiKey.id }),
        makeStoredApiKey({ keyId: there.previous!.keyId }),
        one,
        two,
        makeStoredApiKey({ keyId: two.apiKey.keyId }),
        makeStoredApiKey({ previous: formerOf(two.apiKey.keyId), previousHash: "former" }),
        makeStoredApiKey({ previous: formerOf(three), previousHash: "former" }),
        makeStoredApiKey({ keyId: three }),
        makeStoredApiKey({ previous: formerOf(three), previousHash: "former" }),
      ]
      const inserted = [false, true, false, true, false, false, true, false, false, true, false, false]
      assert.deepStrictEqual(yield* repository.insertMany(batch), inserted)
      const former = makeStoredApiKey({ previous: formerOf(there.keyId), previousHash: "former" })
      assert.deepStrictEqual(yield* repository.insertMany([former]), [false])
      assert.deepStrictEqual(yield* repository.insertMany([]), [])
      assert.deepStrictEqual(encode(yield* get(there.id)), encode(there))
    }),
  )

  it.effect("finds what has an id or a key id of these", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const rotated = yield* replace(yield* insert({ hash: "$old" }), { hash: "$new" })
      const [plain, byPrevious] = [yield* insert({ hash: "$plain" }), yield* insert()]
      const formerOf = (keyId: KeyId) => new PreviousToken({ keyId, hint: "hint", expiresAt: null, graceSeconds: 1, lastUsedAt: null })
      const find = (...keys: ReadonlyArray<StoredApiKey>) =>
        Effect.map(repository.findTaken(keys), (taken) => new Map(taken.map((each) => [each.id, each])))
      assert.strictEqual(
        (yield* find(makeStoredApiKey(), makeStoredApiKey({ previous: formerOf(makeStoredApiKey().apiKey.keyId) }))).size,
        0,
      )
      const found = yield* find(
        makeStoredApiKey({ id: plain.id }),
        makeStoredApiKey({ id: plain.id, keyId: plain.keyId }),
        makeStoredApiKey({ keyId: rotated.previous!.keyId }),
        makeStoredApiKey({ previous: formerOf(byPrevious.keyId), previousHash: "$former" }),
      )
      assert.deepStrictEqual(new Set(found.keys()), new Set([plain.id, rotated.id, byPrevious.id]))
      assert.deepStrictEqual(found.get(plain.id)?.keyIds, [plain.keyId])
      assert.strictEqual(found.get(plain.id)?.rotatedAt, null)
      const old = found.get(rotated.id)!
      assert.deepStrictEqual(old.keyIds, keyIdsOf(rotated))
      assert.deepStrictEqual(old.rotatedAt, rotated.rotatedAt)
      assert.strictEqual(Redacted.value(old.hash), "$new")
    }),
  )

  it.effect("streams records with their hashes, the oldest first", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const ownerId = owner()
      const keys = Array.from({ length: 1_001 }, (_, i) =>
        makeStoredApiKey({ ownerId, createdAt: instant(Math.floor(i / 3)), hash: `h${i}` }),
      )
      yield* repository.insertMany(keys)
      const streamed = yield* Stream.runCollect(repository.streamStored({ ownerId }))
      assert.deepStrictEqual(streamed.map(plain), keys.map(plain))
      const some = yield* Stream.runCollect(Stream.take(repository.streamStored({ ownerId, createdAfter: instant(100) }), 3))
      assert.deepStrictEqual(some.map(plain), keys.slice(300, 303).map(plain))
    }),
  )
}

/**
 * Tests how a store writes and reads many records at once. The store may hold other keys.
 * @category tests
 * @since 0.1.0
 */
export const bulkContract: FacetContract<BulkStore> = contractOf("bulk", bulkTests)
