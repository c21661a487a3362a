import * as Redacted from "effect/Redacted"

/** Whether another system made the hash: its adapter's label says so. */
export const isLegacyHash = (hash: Redacted.Redacted): boolean => Redacted.value(hash).startsWith("$legacy-")

/** The start of key ids that are derived from the token's hash (decision 0015). */
export const derivedKeyIdStart = "legacy-"

/** Whether the key id is derived from the token's hash, so that two records with it are of one token. */
export const isDerivedKeyId = (keyId: string): boolean => /^legacy-[0-9a-f]{32}$/.test(keyId)
