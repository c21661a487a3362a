import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { ApiKeys } from "../../../ApiKeys.ts"
import { changeFlags, key, named, readConfirmedChange, yes } from "../changeFlags.ts"
import { orFailure } from "../CliFailure.ts"
import * as Json from "../Json.ts"
import { confirm, findKey } from "../keyName.ts"
import { print } from "../output.ts"

/** Deletes a key. @category commands @since 0.1.0 */
export const remove = Command.make(
  "delete",
  { key, yes, ...changeFlags },
  Effect.fnUntraced(function* ({ key, ...flags }) {
    const found = yield* findKey(key)
    yield* confirm(`Delete the API key ${named(found)} for good?`, flags.yes)
    yield* orFailure((yield* ApiKeys).delete(found.id, readConfirmedChange(flags, found)))
    yield* print(Json.Deleted, { deleted: found.id }, () => `${named(found)} is deleted`)
  }),
).pipe(
  Command.withDescription("Delete an API key for good"),
  Command.withExamples([
    { command: "effect-api-key delete 7a74caa3" },
    { command: "effect-api-key delete 7a74caa3 --yes --json", description: "For a script, which can't be asked" },
  ]),
)
