import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** The milliseconds of a duration. A value that is none, such as a text that TypeScript hasn't checked, gives `NaN`. */
export const toMillis = (duration: Duration.Input): number =>
  Option.match(Duration.fromInput(duration), { onNone: () => Number.NaN, onSome: Duration.toMillis })
