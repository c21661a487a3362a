/** Checks that stored hashes can be verified, and are of the current kind. */
import * as Argon2Hash from "../../hasher/argon2Hash.ts"
import * as Pepper from "../../../hasher/Pepper.ts"
import type { HashUsage } from "../../../ApiKeys.ts"
import { type AdapterName, adapterNames, hashLabels } from "../../wiring/adapters.ts"
import { type Finding, ok, warning, error } from "./finding.ts"

/** Whether the hasher of the server and of the command line can check hashes of this kind. */
const isChecked = ({ algorithm, parameters }: HashUsage, adapters: ReadonlyArray<AdapterName>): boolean => {
  if (adapters.some((name) => hashLabels[name].includes(algorithm))) return true
  const [, memory, passes, lanes] = /^v=19,m=(\d+),t=(\d+),p=(\d+)$/.exec(parameters) ?? []
  return (
    /^argon2(?:id|i|d)$/.test(algorithm) &&
    lanes !== undefined &&
    Number(memory) <= Argon2Hash.defaultBounds.memory &&
    Number(passes) <= Argon2Hash.defaultBounds.passes &&
    Number(lanes) <= Argon2Hash.defaultBounds.parallelism
  )
}

/** Reports hashes whose pepper is missing, hashes that can't be checked here, and hashes of an outdated kind. */
export const judgeHashes = (
  report: ReadonlyArray<HashUsage>,
  ring: Pepper.PepperRing,
  adapters: ReadonlyArray<AdapterName> = [],
): ReadonlyArray<Finding> => {
  const isKnown = (usage: HashUsage) => isChecked(usage, adapters)
  const systems = adapterNames.filter((name) => report.some(({ algorithm }) => hashLabels[name].includes(algorithm)))
  const peppers = new Set([ring.current, ...ring.older].map(({ id }) => id))
  const isPeppered = ({ pepper }: HashUsage) => pepper === null || peppers.has(pepper)
  const foreign = report.filter((usage) => !isKnown(usage))
  const lost = report.filter((usage) => isKnown(usage) && !isPeppered(usage))
  const stale = report.filter((usage) => isKnown(usage) && isPeppered(usage) && !usage.isCurrent)
  const list = (usages: ReadonlyArray<HashUsage>) =>
    usages
      .map(({ algorithm, parameters, pepper, count }) =>
        `${count} of ${algorithm || "no known form"} ${parameters}${pepper === null || pepper === "" ? "" : ` under ${pepper}`}`.trim(),
      )
      .join("; ")
  const findings = [
    ...(lost.length === 0
      ? []
      : [
          error(
            "hashes",
            `Their peppers aren't configured, so their keys can't be verified: ${list(lost)}`,
            "Configure every pepper that hashes were made with, as an older one (see docs/guides/pepper.md)",
          ),
        ]),
    ...(foreign.length === 0
      ? []
      : [
          warning(
            "hashes",
            `Neither serve nor this command line can check: ${list(foreign)}`,
            foreign.every(({ algorithm }) => algorithm.startsWith("legacy-"))
              ? `Name the system that they are of in API_KEY_ADAPTERS (${systems.join(" or ")}), for the server too: see docs/guides/moving-in.md`
              : "An application with the hasher or adapter that made them can (ApiKeyHasher.layerSeveral, docs/guides/moving-in.md; adapters also by API_KEY_ADAPTERS); where there is none, rotate or delete their keys",
          ),
        ]),
    ...(stale.length === 0
      ? []
      : [
          warning(
            "hashes",
            `Not of the current kind: ${list(stale)}`,
            "Each is made anew at its key's next use; rotate the keys that aren't used (effect-api-key hash-report)",
          ),
        ]),
  ]
  return findings.length === 0 ? [ok("hashes", "All are of the current kind")] : findings
}
