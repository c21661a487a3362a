import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { ApiKeys, type SealUsage } from "../../../ApiKeys.ts"
import { orFailure } from "../CliFailure.ts"
import { foreignId } from "../../token/seal.ts"
import * as Json from "../Json.ts"
import { type Column, printRows } from "../output.ts"

const standing = ({ sealId, isConfigured, isCurrent }: SealUsage): string =>
  sealId === null || sealId === foreignId ? "" : isCurrent ? "current" : isConfigured ? "older" : "missing"

const columns: ReadonlyArray<Column<SealUsage>> = [
  { title: "SEALED BY", text: ({ sealId }) => (sealId === foreignId ? "another system" : (sealId ?? "none")) },
  { title: "COUNT", text: ({ count }) => String(count) },
  { title: "", text: standing, style: (usage) => (standing(usage) === "missing" ? "yellow" : undefined) },
]

/** Counts the tokens that work, for each key that sealed some of them. @category commands @since 0.1.0 */
export const sealReport = Command.make(
  "seal-report",
  {},
  Effect.fnUntraced(function* () {
    const report = yield* orFailure((yield* ApiKeys).sealReport)
    yield* printRows(Stream.fromIterable(report), Json.SealUsage, () => columns, "There is no token that works.")
  }),
).pipe(
  Command.withDescription("Count the tokens that work by the key that sealed them"),
  Command.withExamples([{ command: "effect-api-key seal-report" }]),
)
