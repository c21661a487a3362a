import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { key } from "../changeFlags.ts"
import { findKey } from "../keyName.ts"
import { printKey } from "../output.ts"

/** Prints a key. @category commands @since 0.1.0 */
export const get = Command.make("get", { key }, ({ key }) => Effect.flatMap(findKey(key), printKey)).pipe(
  Command.withDescription("Print an API key"),
  Command.withExamples([
    { command: "effect-api-key get 7a74caa3", description: "By a beginning of its key id" },
    { command: "effect-api-key get 0191b8d2-7c1a-7e2b-9f3c-1a2b3c4d5e6f --json" },
  ]),
)
