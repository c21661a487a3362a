import * as Redacted from "effect/Redacted"

/** Whether another system made the hash: its adapter's label says so. */
export const isLegacyHash = (hash: Redacted.Redacted): boolean => Redacted.value(hash).startsWith("$legacy-")
