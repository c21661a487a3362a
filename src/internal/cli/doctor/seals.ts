/** Checks that the sealing keys of tokens are configured. */
import type { SealUsage } from "../../../ApiKeys.ts"
import { adviceOfMissing, consequence, tellMissing } from "../../keys/sealing.ts"
import type { SealRule } from "../../verifier/standing.ts"
import { counted } from "../output.ts"
import { type Finding, ok, warning } from "./finding.ts"

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
