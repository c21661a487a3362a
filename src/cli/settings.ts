import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"

/** `--json` */
export const Json = GlobalFlag.Setting("effect-api-key/json")({
  flag: Flag.Boolean("json").pipe(
    Flag.withoutNegation,
    Flag.withDescription("Print one JSON object a line, for programs"),
    Flag.withDefault(false),
  ),
})

/** `--no-color` */
export const Color = GlobalFlag.Setting("effect-api-key/color")({
  flag: Flag.Boolean("color").pipe(
    Flag.withDescription("Colour the output of a terminal; --no-color or NO_COLOR turns it off"),
    Flag.withDefault(true),
  ),
})
