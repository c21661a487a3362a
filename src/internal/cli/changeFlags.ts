/** The arguments and flags of commands that change one key. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Prompt from "effect/cli/Prompt"
import type * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Model from "../../ApiKey.ts"
import type { ConfirmWithin, IfVersion } from "../../ApiKeys.ts"
import { duration, givenFields, string, toggle, wholeNumber } from "./keyFlags.ts"
import { asking, refusePart } from "./keyName.ts"
import { sanitize } from "./output.ts"
import { type Moment, parseMoment, resolveMoment } from "./values.ts"

export const key = Argument.String("key").pipe(
  Argument.withDescription("The key's id, its key id, or a beginning of either that no other key shares"),
  Argument.withFallbackPrompt(asking(Prompt.String({ message: "Id or key id of the key" }))),
  Argument.mapEffect(refusePart),
)

export const yes = toggle("yes", "Don't ask before what can't be undone").pipe(Flag.withAlias("y"))

export const confirmWithin = duration(
  "confirm-within",
  "a time such as 5s, of 30s at most",
  (time) => Duration.toMillis(time) > 0 && Duration.toSeconds(time) <= 30,
).pipe(Flag.withDescription("Wait until every server has applied the change, and fail after this time, up to 30s"), Flag.optional)

export const ifVersion = wholeNumber("if-version", 1, Number.MAX_SAFE_INTEGER, "a version such as 3").pipe(
  Flag.withDescription("Only if the key is still at this version, as get --json shows it"),
  Flag.optional,
)

/** The flags of every change. */
export const changeFlags = { confirmWithin, ifVersion }

interface ChangeFlags {
  readonly confirmWithin: Option.Option<Duration.Duration>
  readonly ifVersion: Option.Option<number>
}

export const readChange = ({ confirmWithin, ifVersion }: ChangeFlags): IfVersion & ConfirmWithin =>
  givenFields<IfVersion & ConfirmWithin>({ confirmWithin, ifVersion })

/** Reads the same flags for a change that was confirmed. The change is bound to the confirmed version, except with `--yes`. */
export const readConfirmedChange = (
  flags: ChangeFlags & { readonly yes: boolean },
  { version }: Model.ApiKey,
): IfVersion & ConfirmWithin => ({
  ...(flags.yes ? {} : { ifVersion: version }),
  ...readChange(flags),
})

export const expires = string("expires").pipe(
  Flag.withAlias("e"),
  Flag.withMetavar("when"),
  Flag.withDescription("When the key stops working: 30d, 12h, 2027-01-31 (when that day begins in UTC), or never"),
  Flag.filterMap(
    (text): Option.Option<Moment | "never"> => (text === "never" ? Option.some("never") : parseMoment(text)),
    () => "Expected never, a time such as 30d or 12h, or an instant such as 2027-01-31 or 2027-01-31T12:00Z",
  ),
  Flag.optional,
)

export const readExpiry = (expiry: Option.Option<Moment | "never">, now: DateTime.Utc): Option.Option<DateTime.Utc | null> =>
  Option.map(expiry, (moment) => (moment === "never" ? null : resolveMoment(moment, now, 1)))

const JsonText = Schema.fromJsonString(Schema.Unknown)

export const metadata = string("metadata").pipe(
  Flag.withMetavar("json"),
  Flag.withDescription("A JSON object to keep with the key"),
  Flag.filterMap(
    (text) => Option.filter(Schema.decodeUnknownOption(JsonText)(text), Schema.is(Model.Metadata)),
    () => "Expected a JSON object of at most 8 KiB",
  ),
  Flag.optional,
)

/** The name of a key in questions. */
export const named = ({ name, keyId }: Model.ApiKey): string => `${sanitize(name)} (${keyId})`
