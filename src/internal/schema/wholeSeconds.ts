import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import { parseDuration } from "../time/durations.ts"
import { documented } from "./documented.ts"

interface Bounds {
  readonly minimum: Duration.Duration
  readonly maximum: Duration.Duration
  /** The bounds in words: `from 1 second to 366 days`. */
  readonly bounds: string
  readonly example: string
}

/** A length of time as text, of whole seconds. */
export const wholeSeconds = ({ minimum, maximum, bounds, example }: Bounds): Schema.Codec<Duration.Duration, string> =>
  Schema.String.check(Schema.isMaxLength(64), documented({ pattern: "^\\d{1,13} ?[A-Za-z]+(?: ?\\d{1,13} ?[A-Za-z]+)*$" }))
    .annotate({ description: `A time of whole seconds, ${bounds}`, examples: [example] })
    .pipe(
      Schema.decodeTo(Schema.Duration, {
        decode: SchemaGetter.transformEffect((text: string) => {
          const time = parseDuration(text)
          return time !== undefined &&
            Duration.toMillis(time) % 1_000 === 0 &&
            Duration.isGreaterThanOrEqualTo(time, minimum) &&
            Duration.isLessThanOrEqualTo(time, maximum)
            ? Effect.succeed(time)
            : Effect.fail(new SchemaIssue.InvalidValue({ message: `must be a time of whole seconds, ${bounds}` }))
        }),
        encode: SchemaGetter.transform((time) => `${Duration.toSeconds(time)} seconds`),
      }),
    )
