import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { ApiKey, KeyId, StoredApiKey } from "../../../ApiKey.ts"
import type { LookUps, Records } from "../../record/contract.ts"
import * as arbitraries from "../arbitraries.ts"
import { makeStoredApiKey } from "../fixtures.ts"
import { contractOf, type FacetContract, type Methods, plain } from "./suite.ts"

/** The functions that the tests of look-ups use. @category tests @since 0.1.0 */
export interface LookUpsStore extends LookUps, Pick<Records, "insert" | "delete"> {}

/** Adds the tests of look-ups to a suite of one's own. */
export const lookUpsTests = <R>(it: Methods<R>, store: Effect.Effect<LookUpsStore, never, R>): void => {
  it.effect.prop(
    "finds what was inserted, unchanged, by id and by key id",
    { key: arbitraries.storedApiKey },
    ({ key: generated }) =>
      Effect.gen(function* () {
        const repository = yield* store
        // Shrinking repeats the generated ids, so each run takes fresh ones.
        const { id, keyId } = makeStoredApiKey().apiKey
        const { apiKey, ...hashes } = generated
        const key = new StoredApiKey({ ...hashes, apiKey: new ApiKey({ ...apiKey, id, keyId }) })
        yield* Effect.gen(function* () {
          yield* repository.insert(key)
          assert.deepStrictEqual(Option.map(yield* repository.findById(key.apiKey.id), plain), Option.some(plain(key)))
          assert.deepStrictEqual(Option.map(yield* repository.findByKeyId(key.apiKey.keyId), plain), Option.some(plain(key)))
          // Shrunk records have the same previous key id, so they would collide with a record that remained.
        }).pipe(Effect.ensuring(Effect.ignore(repository.delete(key.apiKey.id))))
      }),
    { arbitrary: { runs: 60 } },
  )

  it.effect("finds nothing that isn't there", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const { id, keyId } = makeStoredApiKey().apiKey
      assert.isTrue(Option.isNone(yield* repository.findById(id)))
      assert.isTrue(Option.isNone(yield* repository.findByKeyId(keyId)))
    }),
  )

  it.effect("compares key ids and hashes byte by byte", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const stem = makeStoredApiKey().apiKey.keyId
      const [lower, upper] = [KeyId.make(`a${stem}`), KeyId.make(`A${stem}`)]
      yield* repository.insert(makeStoredApiKey({ keyId: lower, hash: "aB" }))
      assert.isTrue(Option.isNone(yield* repository.findByKeyId(upper)))
      yield* repository.insert(makeStoredApiKey({ keyId: upper, hash: "Ab" }))
      assert.deepStrictEqual(
        Option.map(yield* repository.findByKeyId(lower), ({ hash }) => Redacted.value(hash)),
        Option.some("aB"),
      )
      assert.deepStrictEqual(
        Option.map(yield* repository.findByKeyId(upper), ({ hash }) => Redacted.value(hash)),
        Option.some("Ab"),
      )
    }),
  )
}

/**
 * Tests how a store finds one record. The store may hold other keys.
 * @category tests
 * @since 0.1.0
 */
export const lookUpsContract: FacetContract<LookUpsStore> = contractOf("look-ups", lookUpsTests)
