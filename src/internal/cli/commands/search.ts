import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Sort } from "../../../ApiKeyRepository.ts"
import { ApiKeys, type SearchInput } from "../../../ApiKeys.ts"
import { sortFields } from "../../record/fields.ts"
import { orFailure, usage } from "../CliFailure.ts"
import { filterFlags, readFilter } from "../filterFlags.ts"
import * as Json from "../Json.ts"
import { givenFields, text, wholeNumber } from "../keyFlags.ts"
import { refuseToken } from "../keyName.ts"
import { keyColumns, look, note, print, table, sanitize } from "../output.ts"
import * as Settings from "../settings.ts"

const sorts = sortFields.flatMap((by) => [
  [by, { by, order: "asc" }] as const,
  [`-${by}`, { by, order: "desc" }] as const,
]) satisfies ReadonlyArray<readonly [string, Sort]>

/** Prints a page of a search. @category commands @since 0.1.0 */
export const search = Command.make(
  "search",
  {
    ...filterFlags,
    text: Argument.String("text").pipe(
      Argument.withDescription("What the name has in it, as --name"),
      Argument.mapEffect(refuseToken),
      Argument.optional,
    ),
    sort: Flag.Literals(
      "sort",
      sorts.map(([name]) => name),
    ).pipe(Flag.withDescription("A minus sign means descending"), Flag.withDefault("-createdAt" as const)),
    limit: wholeNumber("limit", 1, 200, "1 to 200").pipe(Flag.withDescription("So many a page, 1 to 200"), Flag.withDefault(50)),
    offset: wholeNumber("offset", 0, Number.MAX_SAFE_INTEGER, "0 or more").pipe(
      Flag.withDescription("How many to pass over"),
      Flag.optional,
    ),
    cursor: text("cursor", "The nextCursor of the page before"),
  },
  Effect.fnUntraced(function* ({ text, sort: sorted, limit, offset, cursor, ...flags }) {
    if (Option.isSome(text) && Option.isSome(flags.name)) return yield* usage("Give either a text or --name")
    if (Option.isSome(offset) && Option.isSome(cursor)) return yield* usage("--offset and --cursor contradict each other")
    const filter = yield* readFilter(flags)
    const sort = sorts.find(([name]) => name === sorted)?.[1]
    const page = yield* orFailure(
      (yield* ApiKeys).search({ ...filter, sort, limit, ...givenFields<SearchInput>({ name: text, offset, cursor }) }),
    )
    const style = yield* look
    if ((yield* Settings.Json) || page.items.length > 0) {
      yield* print(Json.Page, { items: page.items, total: page.total, nextCursor: page.nextCursor }, () =>
        table(page.items, keyColumns(style.now), style).join("\n"),
      )
    } else yield* note("No API key matches.")
    if (page.items.length === 0 && page.nextCursor === null) return
    yield* note(
      [
        page.total === null ? [] : [`${page.total} in all.`],
        page.nextCursor === null ? [] : [`More: --cursor ${sanitize(page.nextCursor)}`],
      ]
        .flat()
        .join(" ") || "The last page.",
    )
  }),
).pipe(
  Command.withDescription("Print a page of the API keys that match, in an order of your choice"),
  Command.withExamples([
    { command: "effect-api-key search invoices --sort expiresAt --limit 20" },
    { command: "effect-api-key search --json --cursor CURSOR", description: "The next page" },
  ]),
)
