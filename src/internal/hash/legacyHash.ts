import * as Redacted from "effect/Redacted"

/** Whether another system made the hash: its adapter's label says so. */
export const isLegacyHash = (hash: Redacted.Redacted): boolean => Redacted.value(hash).startsWith("$legacy-")

/** What the key ids begin with that are a digest of the token's own hash. */
export const derivedKeyIdStart = "legacy-"

/** Whether two records with this key id are of one token. */
export const isDerivedKeyId = (keyId: string): boolean => /^legacy-[0-9a-f]{32}$/.test(keyId)
