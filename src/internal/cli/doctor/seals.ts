/** Checks that the sealing keys of tokens, and the systems of tokens without a seal, are configured. */
import type { SealUsage } from "../../../ApiKeys.ts"
import { adviceOfMissing, consequence, tellMissing } from "../../keys/sealing.ts"
import { foreignId } from "../../token/seal.ts"
import type { SealRule } from "../../verifier/standing.ts"
import type { AdapterName } from "../../wiring/adapters.ts"
import { counted } from "../output.ts"
import { type Finding, ok, warning } from "./finding.ts"

/** A token of another system keeps its form when its hash is made anew, and `judgeHashes` doesn't see it any more. */
export const judgeAdapters = (report: ReadonlyArray<SealUsage>, adapters: ReadonlyArray<AdapterName>): ReadonlyArray<Finding> => {
  const count = report.find(({ sealId }) => sealId === foreignId)?.count ?? 0
  if (count === 0 || adapters.length > 0) return []
  const told = `${counted(count, "token")} of another system ${count === 1 ? "works" : "work"}, but API_KEY_ADAPTERS names none: neither serve nor this command line takes ${count === 1 ? "it" : "them"}`
  return [
    warning(
      "configuration",
      told,
      "Name the system in API_KEY_ADAPTERS, unless an application with its adapter takes them (docs/guides/moving-in.md)",
    ),
  ]
}

export const judgeSeals = (report: ReadonlyArray<SealUsage>, rule: SealRule | undefined): ReadonlyArray<Finding> => {
  const missing = report.filter(({ sealId, isConfigured }) => sealId !== null && !isConfigured)
  const unsealed = report.find(({ sealId }) => sealId === null)?.count ?? 0
  const told = `${counted(unsealed, "token")} that ${unsealed === 1 ? "works has" : "work have"} no seal, as from before there were seals, or of a format of one's own: ${consequence(rule)}`
  return [
    ...(missing.length === 0 ? [] : [warning("seals", tellMissing(missing, rule), adviceOfMissing)]),
    ...(unsealed === 0 ? [] : [rule === "required" ? warning("seals", told, "Rotate their API keys") : ok("seals", told)]),
    ...(missing.length + unsealed === 0 ? [ok("seals", "All tokens that work are sealed by configured keys")] : []),
  ]
}
