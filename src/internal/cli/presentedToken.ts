/** The token that a command reads from standard input, and the answer about the token. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { isRefusal } from "../../ApiKeyError.ts"
import { safeJson } from "../text/safe.ts"
import { type Failed, fromError } from "./CliFailure.ts"
import * as Json from "./Json.ts"
import { readSecret, refuseAny } from "./keyName.ts"
import * as Settings from "./settings.ts"

/** Tokens among the arguments. They are parsed in order to be refused with a reason that doesn't repeat them. */
export const presentedToken = {
  token: Flag.String("token").pipe(Flag.withHidden, Flag.atLeast(0), Flag.mapEffect(refuseAny)),
  stray: Argument.String("nothing").pipe(
    Argument.withDescription("Nothing: the token comes on standard input"),
    Argument.variadic(),
    Argument.mapEffect(refuseAny),
  ),
}

/** The token, if it was read before the database was opened. */
export const PresentedToken: Context.Reference<Redacted.Redacted | undefined> = Context.Reference<Redacted.Redacted | undefined>(
  "effect-api-key/cli/PresentedToken",
  { defaultValue: () => undefined },
)

export const readPresentedToken = Effect.gen(function* () {
  return (yield* PresentedToken) ?? (yield* readSecret("the token"))
})

/** Turns a refused token into a failure with its own exit code. With `--json`, standard output has the answer too. */
export const orRefusal = <A, E extends Failed, R>(judged: Effect.Effect<A, E, R>) =>
  Effect.catch(judged, (error) =>
    Effect.gen(function* () {
      if (isRefusal(error) && (yield* Settings.Json)) yield* Console.log(safeJson(encodeRefused({ valid: false, error })))
      return yield* fromError(error)
    }),
  )

const encodeRefused = Schema.encodeSync(Json.Refused)
