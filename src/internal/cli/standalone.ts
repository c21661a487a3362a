/** The package's own command line. Most commands work on the configured database or on a server. Some commands need the database. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Commands from "../../cli.ts"
import { doctor } from "./commands/doctor.ts"
import { migrate } from "./commands/migrate.ts"
import { serve } from "./commands/serve.ts"
import { layerKeys, onDatabase } from "./keyLayers.ts"
import { readSecret } from "./keyName.ts"
import { PresentedToken } from "./presentedToken.ts"
import * as Settings from "./settings.ts"

const keys = <Name extends string, Input, ContextInput, E, R>(self: Command.Command<Name, Input, ContextInput, E, R>) =>
  Command.provide(self, () => layerKeys())

const confirmable = <Name extends string, Input extends { readonly confirmWithin: Option.Option<unknown> }, ContextInput, E, R>(
  self: Command.Command<Name, Input, ContextInput, E, R>,
) => Command.provide(self, ({ confirmWithin }) => layerKeys({ confirms: Option.isSome(confirmWithin) }))

/** Hashes aren't sent over HTTP, so a command that needs them works on the database. */
const layerDatabaseAlone = (command: string, options?: { readonly makes: boolean }) =>
  Layer.unwrap(Effect.as(onDatabase(command), layerKeys(options)))

/** Reads standard input before the database is opened. The program that writes the token may hold the embedded database until it ends. */
const presented = <Name extends string, Input, ContextInput, E, R>(self: Command.Command<Name, Input, ContextInput, E, R>) =>
  Command.provide(self, () =>
    Layer.unwrap(
      Effect.map(process.stdin.isTTY ? Effect.succeed(undefined) : readSecret("the token"), (token) =>
        Layer.mergeAll(layerKeys(), token === undefined ? Layer.empty : Layer.succeed(PresentedToken, token)),
      ),
    ),
  )

export const standalone = Command.make("effect-api-key").pipe(
  Command.withDescription("Issue, verify and manage API keys"),
  Command.withSubcommands([
    keys(Commands.create),
    keys(Commands.list),
    keys(Commands.get),
    confirmable(Commands.update),
    confirmable(Commands.activate),
    confirmable(Commands.deactivate),
    confirmable(Commands.remove),
    keys(Commands.search),
    keys(Commands.count),
    keys(Commands.upcoming),
    presented(Commands.verify),
    presented(Commands.revoke),
    confirmable(Commands.rotate),
    confirmable(Commands.endGrace),
    keys(Commands.quotas),
    keys(Commands.changeQuota),
    Commands.generate,
    Command.provide(Commands.scan, ({ check, deactivate }) => (check || deactivate ? layerKeys() : Layer.empty)),
    Command.provide(Commands.importKeys, ({ dryRun }) => layerDatabaseAlone("import", { makes: !dryRun })),
    Command.provide(Commands.exportKeys, ({ hashes }) => (hashes ? layerDatabaseAlone("export --hashes") : layerKeys())),
    keys(Commands.hashReport),
    keys(Commands.sealReport),
    migrate,
    serve,
    doctor,
  ]),
  Command.withGlobalFlags([...Commands.globalFlags, Settings.Url, Settings.AllowPlaintext]),
  Command.withExamples([
    { command: "effect-api-key create --name ci --scope invoices:read --expires 30d", description: "Issue a key" },
    { command: "effect-api-key verify < token.txt", description: "Check a token" },
    { command: "EFFECT_API_KEY_TOKEN=… effect-api-key list --url https://keys.example.com", description: "Ask a server" },
  ]),
)
