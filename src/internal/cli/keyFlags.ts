import type * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Filter } from "../../ApiKeys.ts"
import { ScopeSet } from "../../Scope.ts"
import { type CliFailure, describeIssue, usage } from "./CliFailure.ts"
import { refuseToken } from "./keyName.ts"
import { KeysBackend } from "./KeysBackend.ts"
import { type Moment, parseMoment, resolveMoment } from "./values.ts"

/** A flag for any text but a token. */
export const string = (name: string) => Flag.mapEffect(Flag.String(name), refuseToken)

const moment = (name: string, description: string) =>
  string(name).pipe(
    Flag.withMetavar("when"),
    Flag.withDescription(description),
    Flag.filterMap(parseMoment, () => "Expected a time such as 30d or 12h, or an instant such as 2027-01-31 or 2027-01-31T12:00Z"),
    Flag.optional,
  )

const decodeScopes = (text: string) =>
  Effect.mapError(Schema.decodeEffect(ScopeSet)(text.split(/[\s,]+/).filter((scope) => scope !== "")), ({ issue }) =>
    usage(`--scope: ${describeIssue(issue).replace(/^\d+: /, "")}`),
  )

/** A flag for a whole number, with an error that says which. */
export const whole = (name: string, minimum: number, maximum: number, expected: string) =>
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
    Flag.atLeast(0),
  )

export const readScopes = (texts: ReadonlyArray<string>) => decodeScopes(texts.join(","))

export const text = (name: string, description: string) => string(name).pipe(Flag.withDescription(description), Flag.optional)

/** Of `Target`, the fields whose flags were given: `givenFields<Filter>({ ownerId: flags.owner })`. */
export const givenFields = <Target extends object>(flags: {
  readonly [Name in keyof Target]?: Option.Option<Exclude<Target[Name], undefined>>
}): Partial<Target> =>
  // Each name is one of the target's, and its value of that field's type.
  Object.fromEntries(
    Object.entries<Option.Option<unknown> | undefined>(flags).flatMap(([name, value]) =>
      value !== undefined && Option.isSome(value) ? [[name, value.value]] : [],
    ),
  ) as Partial<Target>

export const filterFlags = {
  owner: text("owner", "Only keys of this owner"),
  status: Flag.Literals("status", ["active", "inactive", "expired"]).pipe(
    Flag.withDescription("Only keys that stand there"),
    Flag.optional,
  ),
  scope: scopes("Only keys with this scope, to the letter"),
  name: text("name", "Only keys whose name has this in it"),
  createdAfter: moment("created-after", "Created since: 7d (ago), or an instant"),
  createdBefore: moment("created-before", "Created before"),
  expiresAfter: moment("expires-after", "Expires after: 7d (from now), or an instant"),
  expiresBefore: moment("expires-before", "Expires before"),
  usedAfter: moment("used-after", "Last used since: 7d (ago), or an instant"),
  usedBefore: moment("used-before", "Last used before"),
  neverUsed: Flag.Boolean("never-used").pipe(
    Flag.withoutNegation,
    Flag.withDescription("Only keys that were never used"),
    Flag.withDefault(false),
  ),
}

export const readFilter = Effect.fnUntraced(function* (
  flags: Command.Command.Config.Infer<typeof filterFlags>,
): Effect.fn.Return<Filter, CliFailure> {
  const now = yield* DateTime.now
  const at = (moment: Option.Option<Moment>, direction: 1 | -1) => Option.map(moment, (each) => resolveMoment(each, now, direction))
  const status = Option.getOrUndefined(flags.status)
  const scopes = yield* readScopes(flags.scope)
  return {
    ...givenFields<Filter>({
      ownerId: flags.owner,
      name: flags.name,
      createdAfter: at(flags.createdAfter, -1),
      createdBefore: at(flags.createdBefore, -1),
      expiresAfter: at(flags.expiresAfter, 1),
      expiresBefore: at(flags.expiresBefore, 1),
      lastUsedAfter: at(flags.usedAfter, -1),
      lastUsedBefore: at(flags.usedBefore, -1),
    }),
    ...(scopes.length === 0 ? {} : { scopes }),
    ...(status === undefined ? {} : status === "inactive" ? { isActive: false } : { isActive: true, expired: status === "expired" }),
    ...(flags.neverUsed ? { neverUsed: true } : {}),
  }
})

/**
 * The service of this process, for what no server offers.
 */
export const requireApiKeys = (what: string) =>
  Effect.flatMap(KeysBackend, ({ apiKeys }) =>
    Option.match(apiKeys, {
      onNone: () => Effect.fail(usage(`${what} works on keys of this process, which there are none of here`)),
      onSome: Effect.succeed,
    }),
  )
