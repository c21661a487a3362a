import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { ApiKeys } from "../../../ApiKeys.ts"
import type { LimitState } from "../../../RateLimit.ts"
import { key } from "../changeFlags.ts"
import { orFailure } from "../CliFailure.ts"
import * as Json from "../Json.ts"
import { findKey } from "../keyName.ts"
import { type Column, printRows, span } from "../output.ts"

const columns: ReadonlyArray<Column<LimitState>> = [
  { title: "QUOTA", text: ({ name }) => name },
  { title: "LEFT", text: ({ remaining }) => String(remaining), style: ({ remaining }) => (remaining === 0 ? "yellow" : undefined) },
  { title: "OF", text: ({ limit }) => String(limit) },
  { title: "REFILLED", text: ({ resetAfterMillis }) => refilled(resetAfterMillis) },
]

/** A full balance has no refill to wait for. */
const refilled = (millis: number | null): string => (millis === null ? "never" : millis === 0 ? "" : `in ${span(millis)}`)

/** Prints what is left of a key's quotas. @category commands @since 0.1.0 */
export const quotas = Command.make(
  "quotas",
  { key },
  Effect.fnUntraced(function* ({ key }) {
    const { id } = yield* findKey(key)
    const states = yield* orFailure((yield* ApiKeys).quotas(id))
    yield* printRows(Stream.fromIterable(states), Json.QuotaState, () => columns, "The key has no quotas.")
  }),
).pipe(
  Command.withDescription("Print what is left of an API key's quotas"),
  Command.withExamples([{ command: "effect-api-key quotas 7a74caa3" }]),
)
