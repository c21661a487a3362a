/** The sealing keys of the service: the keys of `ApiKeySeals`, and the keys derived from the peppers. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as LogLevel from "effect/LogLevel"
import type { HasherError } from "../../ApiKeyError.ts"
import type { ApiKeyHasher, SealingKeys } from "../../ApiKeyHasher.ts"
import type { ApiKeyRepository, SealCount } from "../../ApiKeyRepository.ts"
import type { ApiKeySeals } from "../../ApiKeySeals.ts"
import { countSeals } from "../record/usedSeals.ts"
import { safeLine } from "../text/safe.ts"
import { knownIds } from "../token/seal.ts"
import type { SealRule } from "../verifier/standing.ts"

/** `undefined` where nothing makes seals. */
export type CurrentSealingKeys = Effect.Effect<SealingKeys, HasherError> | undefined

/**
 * Joins the ring and the keys of the peppers, so that setting a ring ends none of the peppers' seals. The join is read often, so the result for
 * the latest pair is kept.
 */
export const combine = Effect.fnUntraced(function* (
  seals: ApiKeySeals["Service"] | undefined,
  { sealingKeys: ofPeppers }: Pick<ApiKeyHasher["Service"], "sealingKeys">,
): Effect.fn.Return<CurrentSealingKeys, HasherError> {
  if (seals === undefined) return ofPeppers
  if (ofPeppers === undefined) {
    const first = yield* seals.keys
    if (first === undefined) return undefined
    let known = first
    // A ring that is taken away stays in use where peppers give no sealing keys.
    return Effect.map(seals.keys, (ring) => (known = ring ?? known))
  }
  let latest: { readonly ring: SealingKeys; readonly derived: SealingKeys; readonly keys: SealingKeys } | undefined
  return Effect.flatMap(seals.keys, (ring) =>
    ring === undefined
      ? ofPeppers
      : Effect.map(ofPeppers, (derived) => {
          if (latest?.ring !== ring || latest.derived !== derived) latest = { ring, derived, keys: join(ring, derived) }
          return latest.keys
        }),
  )
})

const join = (ring: SealingKeys, { current, older, isPublic = false }: SealingKeys): SealingKeys => ({
  current: ring.current,
  older: [...ring.older, ...(isPublic ? [] : [current]), ...older],
})

/** Warns of missing sealing keys that tokens need. A failed look is logged, and doesn't keep a program from starting. */
export const warnOfMissing = (
  repository: ApiKeyRepository["Service"],
  sealingKeys: CurrentSealingKeys,
  rule: SealRule | undefined,
): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (sealingKeys === undefined || !(yield* LogLevel.isEnabled("Warn"))) return
    const isKnown = knownIds(yield* sealingKeys)
    const missing = yield* countSeals(repository, (sealId) => sealId !== null && !isKnown(sealId), yield* DateTime.now)
    if (missing.length > 0) yield* Effect.logWarning(`${tellMissing(missing, rule)}. ${adviceOfMissing}`)
  }).pipe(Effect.catch((error) => Effect.logWarning("Could not look whether API keys have seals of keys that aren't configured", error)))

/** Without a full stop. The ids come from the store, where an import may have brought anything. */
export const tellMissing = (missing: ReadonlyArray<Pick<SealCount, "sealId" | "count">>, rule: SealRule | undefined): string => {
  const named = missing.slice(0, maxNamed).map(({ sealId, count }) => `${safeLine(sealId ?? "")} (${count})`)
  const more = missing.length > maxNamed ? ` and ${missing.length - maxNamed} more` : ""
  return `Tokens that work were sealed by keys that aren't configured, ${named.join(", ")}${more}: ${consequence(rule)}`
}

/** The consequence for tokens without a good seal. */
export const consequence = (rule: SealRule | undefined): string =>
  rule === "required" ? "they are refused, as seals are required" : "they go on working, but are looked up after tokens with a good seal"

export const adviceOfMissing =
  "Put these keys back into API_KEY_SEALS as older ones; that of a pepper (~) is its value, under any id. Or rotate the API keys"

const maxNamed = 10
