import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { ApiKeys } from "../../../ApiKeys.ts"
import { orFailure } from "../CliFailure.ts"
import { filterFlags, readFilter } from "../filterFlags.ts"
import * as Json from "../Json.ts"
import { print } from "../output.ts"

/** Counts keys. @category commands @since 0.1.0 */
export const count = Command.make(
  "count",
  filterFlags,
  Effect.fnUntraced(function* (flags) {
    const count = yield* orFailure((yield* ApiKeys).count(yield* readFilter(flags)))
    yield* print(Json.Count, { count }, () => String(count))
  }),
).pipe(
  Command.withDescription("Count the API keys that match"),
  Command.withExamples([{ command: "effect-api-key count --status expired" }]),
)
