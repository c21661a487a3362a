/** An application with the commands in its own command line, as `docs/command-line.md` has it; run as a program by `mounted.test.ts`. */
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Flag from "effect/cli/Flag"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { ApiKeys } from "../../src/index.ts"
import * as ApiKeyCommands from "../../src/cli.ts"
import * as ApiKeysClient from "../../src/http/client.ts"
import { runMain } from "../../src/cli/CommandLine.ts"

/** The application's own, which may take what ours don't. */
const login = Command.make("login", { token: Flag.String("token") }, ({ token }) => Console.log(`${token.length} characters`))
/** On keys that aren't in this process. */
const elsewhere = ApiKeyCommands.importKeys.pipe(
  Command.provide(ApiKeysClient.layerFetch({ url: "http://127.0.0.1:1", token: Redacted.make("nobody's") })),
)

const shop = Command.make("shop").pipe(
  Command.withSubcommands([ApiKeyCommands.command, login, elsewhere]),
  Command.withGlobalFlags(ApiKeyCommands.globalFlags),
  Command.provide(Layer.mergeAll(ApiKeys.layerMemory, Layer.succeed(ApiKeyCommands.TokenFormat, { prefix: "shop", separator: "_" }))),
)

runMain(shop, { version: "1.0.0" })
