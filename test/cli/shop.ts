/** An application with the commands in its own command line, as `docs/command-line.md` has it; run as a program by `mounted.test.ts`. */
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Flag from "effect/cli/Flag"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { ApiKeyEvents, ApiKeys } from "../../src/index.ts"
import * as ApiKeyCommands from "../../src/cli.ts"
import * as ApiKeysClient from "../../src/http/client.ts"
import { runMain } from "../../src/cli/CommandLine.ts"

/** The application's own, which may take what ours don't. */
const login = Command.make("login", { token: Flag.String("token") }, ({ token }) => Console.log(`${token.length} characters`))
/** On keys that aren't in this process. */
const elsewhere = ApiKeyCommands.importKeys.pipe(
  Command.provide(ApiKeysClient.layerFetch({ url: "http://127.0.0.1:1", token: Redacted.make("nobody's") })),
)

/** Tells on stderr for whom keys are changed, where a test asks for it. */
const audit = ApiKeyEvents.layer(
  Effect.succeed({
    afterCommit: (events) =>
      process.env["AUDIT"] === undefined
        ? Effect.void
        : Effect.forEach(events, ({ _tag, actor }) => Console.error(JSON.stringify([_tag, actor])), { discard: true }),
  }),
)

const shop = Command.make("shop").pipe(
  Command.withSubcommands([ApiKeyCommands.command, login, elsewhere]),
  Command.withGlobalFlags(ApiKeyCommands.globalFlags),
  Command.provide(
    Layer.mergeAll(
      Layer.provide(ApiKeys.layerMemory, audit),
      Layer.succeed(ApiKeyCommands.TokenFormat, { prefix: "shop", separator: "_" }),
    ),
  ),
)

runMain(shop, { version: "1.0.0" })
