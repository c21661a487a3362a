import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { TokenConfig } from "../../../ApiKeyToken.ts"
import { usage } from "../CliFailure.ts"
import { generate as makeTokens, maxCount } from "../generate.ts"
import * as Json from "../Json.ts"
import { givenFields, string, wholeNumber } from "../keyFlags.ts"
import { print } from "../output.ts"
import { separators } from "../separators.ts"
import * as Settings from "../settings.ts"

/** Makes tokens without storing them. @category commands @since 0.1.0 */
export const generate = Command.make(
  "generate",
  {
    prefix: string("prefix").pipe(Flag.withDescription("Default: API_KEY_PREFIX, or ak"), Flag.optional),
    separator: Flag.Literals("separator", separators).pipe(Flag.withDescription("Default: API_KEY_SEPARATOR, or -"), Flag.optional),
    count: wholeNumber("count", 1, maxCount, `1 to ${maxCount}`).pipe(
      Flag.withAlias("c"),
      Flag.withDescription("How many"),
      Flag.withDefault(1),
    ),
  },
  Effect.fnUntraced(function* ({ count, ...flags }) {
    const format = { ...(yield* Settings.tokenFormat), ...givenFields<TokenConfig>(flags) }
    const tokens = yield* Effect.mapError(makeTokens(format, count), ({ reason }) => usage(reason))
    yield* Effect.forEach(tokens, (each) => print(Json.Generated, each, () => each.token), { discard: true })
  }),
).pipe(
  Command.withDescription("Make a token without storing it"),
  Command.withExamples([{ command: "effect-api-key generate --prefix shop --json" }]),
)
