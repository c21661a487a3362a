/** The kinds of flags that several commands use. */
import * as Flag from "effect/cli/Flag"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { ScopeSet } from "../../Scope.ts"
import { describeIssue, usage } from "./CliFailure.ts"
import { refuseToken } from "./keyName.ts"
import { parseDuration, parseMoment } from "./values.ts"

/** A flag for any text but a token. */
export const string = (name: string) => Flag.mapEffect(Flag.String(name), refuseToken)

export const moment = (name: string, description: string) =>
  string(name).pipe(
    Flag.withMetavar("when"),
    Flag.withDescription(description),
    Flag.filterMap(parseMoment, () => "Expected a time such as 30d or 12h, or an instant such as 2027-01-31 or 2027-01-31T12:00Z"),
    Flag.optional,
  )

/** A flag for a length of time. */
export const duration = (name: string, expected: string, isAllowed: (time: Duration.Duration) => boolean) =>
  string(name).pipe(
    Flag.withMetavar("time"),
    Flag.filterMap(
      (text) => Option.filter(parseDuration(text), isAllowed),
      () => `Expected ${expected}`,
    ),
  )

/** A flag without a value. */
export const toggle = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withoutNegation, Flag.withDescription(description), Flag.withDefault(false))

const splitScopes = (text: string): ReadonlyArray<string> => text.split(",").map((scope) => scope.trim())

/** A flag for a whole number within bounds. The error describes the bounds by `expected`. */
export const wholeNumber = (name: string, minimum: number, maximum: number, expected: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("number"),
    Flag.filterMap(
      (text) =>
        Option.filter(/^\d{1,15}$/.test(text) ? Option.some(Number(text)) : Option.none(), (each) => each >= minimum && each <= maximum),
      () => `Expected ${expected}`,
    ),
  )

export const scopes = (description: string) =>
  string("scope").pipe(
    Flag.withAlias("s"),
    Flag.withMetavar("scope"),
    Flag.withDescription(`${description} (several: again, or with commas)`),
    // An empty scope, from an unset shell variable for example, would ask for fewer scopes than intended.
    Flag.filter(
      (text) => splitScopes(text).every((scope) => /^\S+$/.test(scope)),
      () => "Expected a scope such as invoices:read, or several with commas",
    ),
    Flag.atLeast(0),
  )

export const readScopes = (texts: ReadonlyArray<string>) =>
  Effect.mapError(Schema.decodeEffect(ScopeSet)(texts.flatMap(splitScopes)), ({ issue }) =>
    usage(`--scope: ${describeIssue(issue).replace(/^\d+: /, "")}`),
  )

export const text = (name: string, description: string) => string(name).pipe(Flag.withDescription(description), Flag.optional)

/** Gives the fields of `Target` whose flags are present: `givenFields<Filter>({ ownerId: flags.owner })`. */
export const givenFields = <Target extends object>(flags: {
  readonly [Name in keyof Target]?: Option.Option<Exclude<Target[Name], undefined>>
}): Partial<Target> =>
  // The cast holds: by the parameter's type, each name is a field of `Target` with a value of its type.
  Object.fromEntries(
    Object.entries<Option.Option<unknown> | undefined>(flags).flatMap(([name, value]) =>
      value !== undefined && Option.isSome(value) ? [[name, value.value]] : [],
    ),
  ) as Partial<Target>
