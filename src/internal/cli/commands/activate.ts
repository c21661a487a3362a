import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { ApiKeys } from "../../../ApiKeys.ts"
import { changeFlags, key, readChange } from "../changeFlags.ts"
import { orFailure } from "../CliFailure.ts"
import { findKey } from "../keyName.ts"
import { printKey } from "../output.ts"

/** Makes a key work again. @category commands @since 0.1.0 */
export const activate = Command.make(
  "activate",
  { key, ...changeFlags },
  Effect.fnUntraced(function* ({ key, ...flags }) {
    const { id } = yield* findKey(key)
    yield* printKey(yield* orFailure((yield* ApiKeys).activate(id, readChange(flags))))
  }),
).pipe(Command.withDescription("Make an API key work again"), Command.withExamples([{ command: "effect-api-key activate 7a74caa3" }]))
