import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** `NaN` for what is no duration, such as text that TypeScript hasn't checked. */
export const toMillis = (duration: Duration.Input): number =>
  Option.match(Duration.fromInput(duration), { onNone: () => Number.NaN, onSome: Duration.toMillis })
