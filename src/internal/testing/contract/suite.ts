/** Code that the suites of all facets share: running a suite on a store, and making records to test with. */
import { layer as describeWith, type Vitest } from "@effect/vitest"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Scope } from "effect/Scope"
import { ApiKey, type ApiKeyId, type KeyId, type PreviousToken, type StoredApiKey } from "../../../ApiKey.ts"
import type { LookUps, Records } from "../../record/contract.ts"
import { makeStoredApiKey } from "../fixtures.ts"

/** The test functions of `@effect/vitest` within a `layer`. */
export type Methods<R> = Vitest.MethodsNonLive<R>

/**
 * Registers the tests of a facet on the store that the effect opens.
 * @category contract
 * @since 0.1.0
 */
export type FacetContract<Store> = <E>(name: string, store: Effect.Effect<Store, E, Scope>) => void

export const contractOf =
  <Store>(facet: string, tests: <R>(it: Methods<R>, store: Effect.Effect<Store, never, R>) => void): FacetContract<Store> =>
  (name, store) => {
    const Tested = Context.Service<Store>(`effect-api-key/testing/${facet}`)
    describeWith(Layer.effect(Tested, store))(`${facet} of ${name}`, (it) => tests(it, Tested))
  }

export const instant = (seconds: number): DateTime.Utc => DateTime.makeUnsafe(1_767_225_600_000 + seconds * 1_000)

export const iso = (seconds: number): string => DateTime.formatIso(instant(seconds))

let owners = 0
/** Makes an owner that no other test uses. */
export const owner = (): string => `owner-${owners++}-${Math.random()}`

export const ids = (keys: ReadonlyArray<Pick<ApiKey, "id">>): ReadonlyArray<ApiKeyId> => keys.map(({ id }) => id)

export const encode = Schema.encodeSync(ApiKey)

/** The record as plain JSON, with its hashes in clear. JSON turns -0 into 0, as stores may. */
export const plain = ({ apiKey, hash, previousHash, sealId, previousSealId }: StoredApiKey): unknown =>
  JSON.parse(
    JSON.stringify({
      ...encode(apiKey),
      hash: Redacted.value(hash),
      previousHash: previousHash === null ? null : Redacted.value(previousHash),
      sealId,
      previousSealId,
    }),
  )

/** Inserts a record, and returns it without its hashes. */
export const insertWith =
  <R>(store: Effect.Effect<Pick<Records, "insert">, never, R>) =>
  (overrides: Parameters<typeof makeStoredApiKey>[0] = {}) =>
    Effect.gen(function* () {
      const key = makeStoredApiKey(overrides)
      yield* (yield* store).insert(key)
      return key.apiKey
    })

export const getWith =
  <R>(store: Effect.Effect<Pick<LookUps, "findById">, never, R>) =>
  (id: ApiKeyId) =>
    Effect.gen(function* () {
      return (yield* Effect.fromOption(yield* (yield* store).findById(id))).apiKey
    })

/** Rotates a record at the instant 5. `options` describes the new and the previous token. */
export const replaceWith =
  <R>(store: Effect.Effect<Pick<Records, "rotate">, never, R>) =>
  (
    { id, version }: ApiKey,
    options: {
      readonly hash?: string
      readonly sealId?: string
      readonly keyId?: KeyId
      readonly previous?: Pick<PreviousToken, "expiresAt" | "graceSeconds">
    } = {},
  ) => {
    const {
      hash = "another hash",
      sealId = null,
      keyId = makeStoredApiKey().apiKey.keyId,
      previous = { expiresAt: instant(9), graceSeconds: null },
    } = options
    const token = { keyId, prefix: "new", hint: "hint", hash: Redacted.make(hash), sealId, previous }
    return Effect.flatMap(store, ({ rotate }) => rotate(id, token, { at: instant(5), ifVersion: version }))
  }

/** Texts that a careless store could misread as SQL, an array, JSON or `null`, or compare by a collation. */
export const awkwardTexts = [
  "'; DROP TABLE api_keys; --",
  `"quoted" 'single' \`back\``,
  "\\ %_ $1 $$ :x ?",
  '{a,b} NULL {"x"}',
  "line\nbreak\ttab",
  "😀 ﬁ é ü ẞ İ",
  "\u202eright to left",
  "null",
]
