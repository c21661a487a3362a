/** An application with the commands in its own command line, as `docs/command-line.md` has it; run as a program by `mounted.test.ts`. */
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Flag from "effect/cli/Flag"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { ApiKeys } from "../../src/index.ts"
import * as ApiKeyCommands from "../../src/cli.ts"
import { runMain } from "../../src/cli/CommandLine.ts"

const apiKeys = ApiKeyCommands.command.pipe(Command.provide(ApiKeyCommands.layerApiKeys))
/** The application's own, which may take what ours don't. */
const login = Command.make("login", { token: Flag.String("token") }, ({ token }) => Console.log(`${token.length} characters`))
/** Keys that aren't in this process. */
const elsewhere = ApiKeyCommands.importKeys.pipe(
  Command.provide(
    Layer.effect(
      ApiKeyCommands.KeysBackend,
      Effect.map(ApiKeyCommands.KeysBackend, (keys) => ({ ...keys, apiKeys: Option.none() })),
    ).pipe(Layer.provide(ApiKeyCommands.layerApiKeys)),
  ),
)

const shop = Command.make("shop").pipe(
  Command.withSubcommands([apiKeys, login, elsewhere]),
  Command.withGlobalFlags(ApiKeyCommands.globalFlags),
  Command.provide(Layer.mergeAll(ApiKeys.layerMemory, Layer.succeed(ApiKeyCommands.TokenFormat, { prefix: "shop", separator: "_" }))),
)

runMain(shop, { version: "1.0.0" })
