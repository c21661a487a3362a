import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { ApiKeys } from "../../../ApiKeys.ts"
import { maxUnits, type QuotaChange, type QuotaChanged } from "../../../Quota.ts"
import { key } from "../changeFlags.ts"
import { orFailure } from "../CliFailure.ts"
import * as Json from "../Json.ts"
import { string } from "../keyFlags.ts"
import { findKey, refuseToken } from "../keyName.ts"
import { counted, print } from "../output.ts"

/** Adds units to a quota of a key, takes some back, or refunds some. @category commands @since 0.1.0 */
export const changeQuota = Command.make(
  "change-quota",
  {
    key,
    change: Argument.ChoiceWithValue("change", [
      ["top-up", "topUp"],
      ["take-back", "takeBack"],
      ["refund", "refund"],
    ]).pipe(Argument.withDescription("More units at once, fewer, or spent units back, up to the quota's amount")),
    quota: Argument.String("quota").pipe(Argument.withDescription("The name of the quota"), Argument.mapEffect(refuseToken)),
    units: Argument.String("units").pipe(
      Argument.withDescription("How many"),
      Argument.filterMap(
        (text) => Option.filter(/^[1-9]\d{0,15}$/.test(text) ? Option.some(Number(text)) : Option.none(), (units) => units <= maxUnits),
        () => `Expected a number of units from 1 to ${maxUnits}`,
      ),
    ),
    requestId: string("request-id").pipe(
      Flag.withMetavar("id"),
      Flag.withDescription("Names the change, which is made once: sent again under the same id, for 30 days, it changes nothing more"),
    ),
  },
  Effect.fnUntraced(function* ({ key, change, quota, units, requestId }) {
    const { id } = yield* findKey(key)
    const input: QuotaChange = { quota, change, units, requestId }
    const changed = yield* orFailure((yield* ApiKeys).changeQuota(id, input))
    yield* print(Json.ChangedQuota, changed, () => describe(input, changed))
  }),
).pipe(
  Command.withDescription("Top up a quota of an API key, take units back, or refund spent ones"),
  Command.withExamples([
    { command: "effect-api-key change-quota 7a74caa3 top-up monthly 500 --request-id invoice-17" },
    { command: "effect-api-key change-quota 7a74caa3 refund monthly 1 --request-id job-4711", description: "The use came to nothing" },
  ]),
)

const done = { topUp: "were added", takeBack: "were taken back", refund: "came back" } as const

const describe = ({ quota, change, units: asked }: QuotaChange, { units, remaining, isRepeated }: QuotaChanged): string =>
  `${counted(units, "unit")}${units === asked ? "" : ` of ${asked}`} ${done[change]}${isRepeated ? " before, under this request id" : ""}: ${quota} has ${remaining} left`
