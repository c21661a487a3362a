import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { ApiKeys } from "../../../ApiKeys.ts"
import { fromError } from "../CliFailure.ts"
import { filterFlags, readFilter } from "../filterFlags.ts"
import * as Json from "../Json.ts"
import { wholeNumber } from "../keyFlags.ts"
import { keyColumns, printRows } from "../output.ts"

/** Prints every key, newest first. @category commands @since 0.1.0 */
export const list = Command.make(
  "list",
  {
    ...filterFlags,
    limit: wholeNumber("limit", 1, Number.MAX_SAFE_INTEGER, "a whole number above 0").pipe(
      Flag.withDescription("So many at most"),
      Flag.optional,
    ),
  },
  Effect.fnUntraced(function* ({ limit, ...flags }) {
    const keys = Stream.mapError((yield* ApiKeys).stream(yield* readFilter(flags)), (error) => fromError(error))
    const wanted = Option.match(limit, { onNone: () => keys, onSome: (count) => Stream.take(keys, count) })
    yield* printRows(wanted, Json.Key, keyColumns, "No API key matches.")
  }),
).pipe(
  Command.withAlias("ls"),
  Command.withDescription("Print every API key that matches, newest first"),
  Command.withExamples([
    { command: "effect-api-key list --status active --expires-before 7d", description: "What stops working within a week" },
    { command: "effect-api-key list --json --never-used | jq -r .id", description: "For a script" },
  ]),
)
