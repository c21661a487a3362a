import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { ApiKeys, type Upcoming, type UpcomingOptions } from "../../../ApiKeys.ts"
import { fromError } from "../CliFailure.ts"
import * as Json from "../Json.ts"
import { duration, givenFields, wholeNumber } from "../keyFlags.ts"
import { type Column, printRows, relative } from "../output.ts"

const isAheadOfNow = (time: Duration.Duration): boolean => Duration.toMillis(time) > 0 && Duration.toDays(time) <= 36_500

const reasons: Readonly<Record<Upcoming["reason"], string>> = {
  expires: "expires",
  comesOfAge: "its token comes of age",
  idle: "becomes idle",
}

const columns = (now: number): ReadonlyArray<Column<Upcoming>> => [
  { title: "NAME", text: ({ apiKey }) => apiKey.name, least: 8 },
  { title: "KEY ID", text: ({ apiKey }) => apiKey.keyId, least: 8 },
  { title: "WHEN", text: ({ at }) => relative(at, now, "") },
  { title: "WHY", text: ({ reason }) => reasons[reason] },
  { title: "OWNER", text: ({ apiKey }) => apiKey.ownerId ?? "", least: 6 },
]

/** Prints the keys that soon expire, or soon need a new token. @category commands @since 0.1.0 */
export const upcoming = Command.make(
  "upcoming",
  {
    within: duration("within", "a time such as 30d", isAheadOfNow).pipe(
      Flag.withDescription("How far ahead to look. Default: 30d"),
      Flag.withDefault(Duration.days(30)),
    ),
    maximumAge: duration("maximum-age", "a time such as 90d", isAheadOfNow).pipe(
      Flag.withDescription(
        "When a token comes of age. Default: API_KEY_MAXIMUM_AGE; without it, no key is printed for its age. Tokens that are older already aren't: list them with list --token-created-before",
      ),
      Flag.optional,
    ),
    limit: wholeNumber("limit", 1, Number.MAX_SAFE_INTEGER, "a whole number above 0").pipe(
      Flag.withDescription("So many at most"),
      Flag.optional,
    ),
  },
  Effect.fnUntraced(function* ({ within, maximumAge, limit }) {
    const apiKeys = yield* ApiKeys
    const keys = Stream.mapError(apiKeys.upcoming({ within, ...givenFields<UpcomingOptions>({ maximumAge }) }), (error) => fromError(error))
    const wanted = Option.match(limit, { onNone: () => keys, onSome: (count) => Stream.take(keys, count) })
    yield* printRows(wanted, Json.Upcoming, columns, "No API key is about to stop working.")
  }),
).pipe(
  Command.withDescription("Print the API keys that expire soon, then those whose tokens come of age, then those that become idle"),
  Command.withExamples([
    { command: "effect-api-key upcoming --within 7d" },
    { command: "effect-api-key upcoming --within 14d --maximum-age 90d --json", description: "What to rotate within two weeks" },
  ]),
)
