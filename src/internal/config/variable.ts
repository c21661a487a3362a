/**
 * Environment variables that aren't plain texts. Each has a strict grammar, and an error says what to write. Effect's own take an empty
 * text for 0, `0x10` for 16, and `1` for true.
 */
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import { formatDuration, parseDuration } from "../time/durations.ts"
import { safeLine } from "../text/safe.ts"

/** A variable in the form that `expected` describes. `parse` gives `undefined` for any other text. */
export const make = <A>(
  name: string,
  type: Schema.Codec<A>,
  expected: string,
  parse: (text: string) => A | undefined,
  format: (value: A) => string = String,
): Config.Config<A> =>
  Config.schema(
    Schema.String.pipe(
      Schema.decodeTo(type, {
        decode: SchemaGetter.transformEffect((text: string) => {
          const value = parse(text)
          if (value !== undefined) return Effect.succeed(value)
          const found = text === "" ? "it is empty" : `"${safeLine(text.slice(0, 64))}" isn't`
          return Effect.fail(new SchemaIssue.InvalidValue({ message: `must be ${expected}; ${found}` }))
        }),
        encode: SchemaGetter.transform(format),
      }),
    ),
    name,
  )

/** `30d`, `12 hours`, `500 millis`. */
export const duration = (name: string): Config.Config<Duration.Duration> =>
  make(name, Schema.Duration, "a time such as 30d, 12 hours or 500 millis", parseDuration, formatDuration)

/** A whole number in digits alone. Without bounds, the option that takes the number checks its range. */
export const whole = (name: string, bounds?: { readonly minimum: number; readonly maximum: number }): Config.Config<number> =>
  make(
    name,
    Schema.Int,
    bounds === undefined
      ? "a whole number such as 100, in digits alone"
      : `a whole number from ${bounds.minimum} to ${bounds.maximum}, in digits alone`,
    (text) => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN
      return bounds === undefined || (value >= bounds.minimum && value <= bounds.maximum)
        ? Number.isNaN(value)
          ? undefined
          : value
        : undefined
    },
  )

/** A port to listen on. */
export const port = (name: string): Config.Config<number> =>
  make(name, Schema.Int, "a port from 0 to 65535 such as 3000, in digits alone", (text) =>
    /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined,
  )

/** A number in digits, with up to three after a point. */
export const between = (name: string, minimum: number, maximum: number): Config.Config<number> =>
  make(name, Schema.Finite, `a number from ${minimum} to ${maximum} such as ${minimum} or ${maximum}`, (text) => {
    const value = /^\d{1,15}(?:\.\d{1,3})?$/.test(text) ? Number(text) : NaN
    return value >= minimum && value <= maximum ? value : undefined
  })

/** `true` or `false`. */
export const flag = (name: string): Config.Config<boolean> =>
  make(name, Schema.Boolean, "true or false", (text) => (text === "true" ? true : text === "false" ? false : undefined))

/** One of a few words. */
export const word = <const Words extends ReadonlyArray<string>>(name: string, words: Words): Config.Config<Words[number]> =>
  make<Words[number]>(name, Schema.Literals(words), `one of ${words.join(", ")}`, (text) => words.find((each) => each === text))

/** Texts with commas between them. Each matches the pattern, and none occurs twice. */
export const list = (name: string, pattern: RegExp, expected: string): Config.Config<ReadonlyArray<string>> =>
  make(
    name,
    Schema.Array(Schema.String),
    expected,
    (text) => {
      const items = text.split(",").map((item) => item.trim())
      return items.every((item) => pattern.test(item)) && new Set(items).size === items.length ? items : undefined
    },
    (items) => items.join(","),
  )
