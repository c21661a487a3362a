import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { ApiKeys, type HashUsage } from "../../../ApiKeys.ts"
import { orFailure } from "../CliFailure.ts"
import * as Json from "../Json.ts"
import { type Column, printRows } from "../output.ts"

const columns: ReadonlyArray<Column<HashUsage>> = [
  { title: "ALGORITHM", text: ({ algorithm }) => algorithm },
  { title: "PARAMETERS", text: ({ parameters }) => parameters },
  { title: "PEPPER", text: ({ pepper }) => (pepper === "" ? "unlabelled" : (pepper ?? "none")) },
  { title: "COUNT", text: ({ count }) => String(count) },
  { title: "", text: ({ isCurrent }) => (isCurrent ? "current" : "older") },
]

/** Counts hashes by their kind. @category commands @since 0.1.0 */
export const hashReport = Command.make(
  "hash-report",
  {},
  Effect.fnUntraced(function* () {
    const report = yield* orFailure((yield* ApiKeys).hashReport)
    yield* printRows(Stream.fromIterable(report), Json.HashUsage, () => columns, "There is no API key.")
  }),
).pipe(
  Command.withDescription("Count hashes by algorithm, parameters and pepper"),
  Command.withExamples([{ command: "effect-api-key hash-report" }]),
)
