import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Variable from "../config/variable.ts"
import type { ProxyOptions } from "../http/clientAddress.ts"
import { parseNetwork } from "../net/networks.ts"

const trustedProxies = Config.schema(
  Schema.String.pipe(
    Schema.decodeTo(Schema.Array(Schema.String), {
      decode: SchemaGetter.transformEffect((text: string) => {
        const networks = text.split(",").map((network) => network.trim())
        const wrong = networks.map(parseNetwork).find(Result.isFailure)
        return wrong === undefined ? Effect.succeed(networks) : Effect.fail(new SchemaIssue.InvalidValue({ message: wrong.failure }))
      }),
      encode: SchemaGetter.transform((networks) => networks.join(",")),
    }),
  ),
  "API_KEY_TRUSTED_PROXIES",
)

const headerAlone = Config.fail(
  new Schema.SchemaError(
    new SchemaIssue.Pointer(
      ["API_KEY_FORWARDED_HEADER"],
      new SchemaIssue.InvalidValue({ message: "needs API_KEY_TRUSTED_PROXIES, the networks of the proxies that write the header" }),
    ),
  ),
)

/** Reads which proxies are in front from the configuration. A header alone is a mistake, as no proxy would be believed. */
export const readProxyOptions: Effect.Effect<ProxyOptions, Config.ConfigError> = Effect.gen(function* () {
  const header = yield* Config.option(Variable.word("API_KEY_FORWARDED_HEADER", ["x-forwarded-for", "forwarded"]))
  const proxies = yield* Config.option(trustedProxies)
  if (Option.isSome(header) && Option.isNone(proxies)) return yield* headerAlone
  return { trustedProxies: Option.getOrUndefined(proxies), forwardedHeader: Option.getOrUndefined(header) }
})
