/** The environment variables of this package, and a check for misspelt ones. */
import { safeLine } from "../text/safe.ts"

/** All variables that are read. `docs/guides/configuration.md` or `docs/command-line.md` describes each. */
export const variables: ReadonlyArray<string> = [
  "API_KEY_ACCEPT_BUILT_IN_PEPPER",
  "API_KEY_ACCEPT_MISSING_PEPPERS",
  "API_KEY_ADAPTERS",
  "API_KEY_ADAPTER_BETTER_AUTH_DISABLE_KEY_HASHING",
  "API_KEY_ADAPTER_BETTER_AUTH_PREFIX",
  "API_KEY_ADAPTER_DJANGO_PREFIX_LENGTH",
  "API_KEY_ADAPTER_FASTAPI_API_KEY_BCRYPT",
  "API_KEY_ADAPTER_FASTAPI_API_KEY_PEPPER",
  "API_KEY_ADAPTER_FASTAPI_API_KEY_PREFIX",
  "API_KEY_ADAPTER_FASTAPI_API_KEY_SEPARATOR",
  "API_KEY_ADAPTER_KEYPAL_ALGORITHM",
  "API_KEY_ADAPTER_KEYPAL_PREFIX",
  "API_KEY_ADAPTER_KEYPAL_SALT",
  "API_KEY_ADAPTER_PREFIXED_API_KEY_PREFIX",
  "API_KEY_ADAPTER_SHA256_PREFIX",
  "API_KEY_ADAPTER_UNKEY_PREFIX",
  "API_KEY_CACHE",
  "API_KEY_CACHE_BYTES",
  "API_KEY_CACHE_ENTRIES",
  "API_KEY_CACHE_TIME_TO_LIVE",
  "API_KEY_CREDENTIALS",
  "API_KEY_DATA_DIR",
  "API_KEY_DEFAULT_LIFETIME",
  "API_KEY_FOREIGN_AUTHORIZATION",
  "API_KEY_FORWARDED_HEADER",
  "API_KEY_HASHING_MAX_WAIT",
  "API_KEY_HASHING_PERMITS",
  "API_KEY_HASHING_QUEUE",
  "API_KEY_LAST_USED_INTERVAL",
  "API_KEY_LEAKS",
  "API_KEY_LEAK_SIGNING_KEYS_FILE",
  "API_KEY_LEASE_UNITS",
  "API_KEY_LIMITS",
  "API_KEY_MAXIMUM_AGE",
  "API_KEY_OWNER_LIMITS",
  "API_KEY_MAXIMUM_LIFETIME",
  "API_KEY_MAX_KEYS_PER_OWNER",
  "API_KEY_NODE_NAME",
  "API_KEY_PEPPER",
  "API_KEY_PEPPERS",
  "API_KEY_PEPPERS_FILE",
  "API_KEY_PREFIX",
  "API_KEY_RATE_LEASE",
  "API_KEY_REFUSE_AGED",
  "API_KEY_REFUSE_UNSEALED",
  "API_KEY_REVOCATIONS_PER_SECOND",
  "API_KEY_REVOKE_BY_POSSESSION",
  "API_KEY_SEAL_RULE",
  "API_KEY_SEALS",
  "API_KEY_SEALS_FILE",
  "API_KEY_SEPARATOR",
  "API_KEY_SHARE_LIMITS",
  "API_KEY_TELEMETRY",
  "API_KEY_TRUSTED_PROXIES",
  "API_KEY_X_RATE_LIMIT",
  "EFFECT_API_KEY_TOKEN",
]

/** Variables that other programs read too. */
const usual = ["DATABASE_URL", "REDIS_URL"]

/**
 * A warning for each unknown name that begins like this package's variables, or is within two letters of a known name. Values are never
 * shown.
 */
export const findMisspelt = (names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const all = [...variables, ...usual]
  const known = new Set(all)
  return names
    .filter((name) => !known.has(name))
    .sort()
    .flatMap((name) => {
      const distances = all.map((variable) => ({ variable, distance: editDistance(name.toUpperCase(), variable) }))
      const nearest = distances.reduce((best, each) => (each.distance < best.distance ? each : best))
      const begins = /^(?:EFFECT_)?API_KEY_/i.test(name)
      if (nearest.distance > 2 && !begins) return []
      const hint = nearest.distance <= 4 ? `: did you mean ${nearest.variable}?` : ""
      return [`${safeLine(name.slice(0, 64))} is set, but isn't a variable of effect-api-key, and isn't read${hint}`]
    })
}

/**
 * The warnings for this process's environment. The module doesn't use Effect, as the bundle would then load one more file at each start.
 */
export const misspelt = (): ReadonlyArray<string> => findMisspelt(Object.keys(process.env))

/**
 * The Levenshtein distance: the number of letters to insert, to leave out or to replace. It isn't computed if the lengths differ by more
 * than four.
 */
const editDistance = (from: string, to: string): number => {
  if (Math.abs(from.length - to.length) > 4) return Infinity
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [index, letter] of Array.from(from).entries()) {
    const next = [index + 1]
    for (let at = 0; at < to.length; at++) {
      // Each row has a place for every letter, and one more.
      next.push(Math.min(row[at + 1]! + 1, next[at]! + 1, row[at]! + (letter === to[at] ? 0 : 1)))
    }
    row = next
  }
  return row[to.length] ?? Infinity
}
