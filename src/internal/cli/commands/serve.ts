import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Created } from "../../../ApiKeys.ts"
import { fromError } from "../CliFailure.ts"
import { safeJson } from "../../text/safe.ts"
import * as Json from "../Json.ts"
import { givenFields, text, wholeNumber } from "../keyFlags.ts"
import { onDatabase } from "../keyLayers.ts"
import * as Settings from "../settings.ts"

interface Address {
  readonly HOST: string
  readonly PORT: string
}

/** Runs the server. */
export const serve = Command.make(
  "serve",
  {
    host: text("host", "Default: HOST, or 127.0.0.1"),
    port: wholeNumber("port", 1, 65_535, "1 to 65535").pipe(
      Flag.withAlias("p"),
      Flag.withDescription("Default: PORT, or 3000"),
      Flag.optional,
    ),
  },
  Effect.fnUntraced(function* ({ host, port }) {
    yield* onDatabase("serve")
    const flags = { ...givenFields<Address>({ HOST: host, PORT: Option.map(port, String) }) }
    const { layerWith } = yield* Effect.promise(() => import("../../../server.ts"))
    const onFirstKey = ({ apiKey, token }: Created, url: string) =>
      Console.log(safeJson(Schema.encodeSync(Json.FirstKey)({ apiKey, token: Redacted.value(token), url })))
    const server = layerWith((yield* Settings.Json) ? { onFirstKey } : {})
    return yield* Layer.launch(server).pipe(
      Effect.mapError((error) => fromError(error)),
      // A flag takes precedence over the variable of the same name.
      Effect.provide(ConfigProvider.layerAdd(ConfigProvider.fromUnknown(flags), { asPrimary: true })),
    )
  }),
).pipe(
  Command.withDescription("Run the server: the HTTP API over the database that is configured"),
  Command.withExamples([{ command: "effect-api-key serve --port 8080" }]),
)
