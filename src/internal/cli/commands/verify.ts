import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { ApiKey, UsedToken } from "../../../ApiKey.ts"
import { ApiKeys, type VerifyOptions } from "../../../ApiKeys.ts"
import { maxLimit } from "../../../RateLimit.ts"
import { parseAddress } from "../../net/address.ts"
import * as Json from "../Json.ts"
import { duration, givenFields, readScopes, scopes, string, toggle, wholeNumber } from "../keyFlags.ts"
import { describeKey, type Look, print } from "../output.ts"
import { orRefusal, presentedToken, readPresentedToken } from "../presentedToken.ts"

/** Verifies a token from standard input. @category commands @since 0.1.0 */
export const verify = Command.make(
  "verify",
  {
    scope: scopes("The key must hold this scope"),
    maxAge: duration("max-age", "a time such as 2s, or 0", () => true).pipe(
      Flag.withDescription("How old the answer may be: 0 for one from the store itself"),
      Flag.optional,
    ),
    address: string("address").pipe(
      Flag.withMetavar("address"),
      Flag.withDescription("The IP address that the token came from, for a key that may be used from certain addresses only"),
      Flag.filter(
        (text) => parseAddress(text) !== undefined,
        () => "Expected an IP address such as 192.0.2.7 or 2001:db8::7",
      ),
      Flag.optional,
    ),
    cost: wholeNumber("cost", 0, maxLimit, `a number of units from 0 to ${maxLimit}`).pipe(
      Flag.withDescription("How many units it takes from each rate limit of the key: 0 looks without taking"),
      Flag.optional,
    ),
    noUse: toggle("no-use", "Don't note it as a use of the key"),
    ...presentedToken,
  },
  Effect.fnUntraced(function* ({ scope, maxAge, address, cost, noUse }) {
    const options: VerifyOptions = {
      scopes: yield* readScopes(scope),
      ...givenFields<VerifyOptions>({ maxAge, address, cost }),
      ...(noUse ? { countsAsUse: false } : {}),
    }
    const token = yield* readPresentedToken
    const { apiKey, usedToken, checkedAt } = yield* orRefusal((yield* ApiKeys).verify(token, options))
    yield* print(Json.Verified, { valid: true, apiKey, usedToken, checkedAt }, (look) => describeVerified(apiKey, usedToken, look))
  }),
).pipe(
  Command.withDescription("Tell whether a token is valid, and whose it is. The token comes on standard input"),
  Command.withExamples([
    { command: "effect-api-key verify < token.txt" },
    { command: "printenv TOKEN | effect-api-key verify --scope invoices:read --json" },
  ]),
)

const describeVerified = (apiKey: ApiKey, usedToken: UsedToken, look: Look): string =>
  `${look.style("green", "The token is valid")}${usedToken === "previous" ? ", though a rotation has replaced it" : ""}\n\n${describeKey(apiKey, look)}`
