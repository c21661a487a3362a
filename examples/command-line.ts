// A command line of your own, with the package's commands under names of yours: `shop keys list`, `shop token verify`, `shop data export`.
// Run it with `npm run build && npx node examples/command-line.ts`.
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer } from "effect"
import { ApiKeys } from "effect-api-key"
import * as ApiKeyCommands from "effect-api-key/cli"
import { Command, Flag } from "effect/cli"

// All commands under `api-keys` are `ApiKeyCommands.command`. Each can be mounted by itself too, with others beside it.
const keys = Command.make("keys").pipe(
  Command.withSubcommands([
    ApiKeyCommands.create,
    ApiKeyCommands.list,
    ApiKeyCommands.get,
    ApiKeyCommands.update,
    ApiKeyCommands.activate,
    ApiKeyCommands.deactivate,
    ApiKeyCommands.remove,
    ApiKeyCommands.search,
    ApiKeyCommands.count,
    ApiKeyCommands.upcoming,
    ApiKeyCommands.quotas,
    ApiKeyCommands.changeQuota,
  ]),
)
const token = Command.make("token").pipe(
  Command.withSubcommands([
    ApiKeyCommands.verify,
    ApiKeyCommands.revoke,
    ApiKeyCommands.rotate,
    ApiKeyCommands.endGrace,
    ApiKeyCommands.generate,
    ApiKeyCommands.scan,
  ]),
)
const data = Command.make("data").pipe(
  Command.withSubcommands([ApiKeyCommands.exportKeys, ApiKeyCommands.importKeys, ApiKeyCommands.hashReport, ApiKeyCommands.sealReport]),
)

// A command of the application's own, over the same service.
const signUp = Command.make("sign-up", { owner: Flag.String("owner") }, ({ owner }) =>
  ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "first key", ownerId: owner })).pipe(
    Effect.flatMap(({ apiKey }) => Console.log(`${apiKey.prefix} for ${apiKey.ownerId}`)),
  ),
)

const shop = Command.make("shop").pipe(
  Command.withSubcommands([keys, token, data, signUp]),
  Command.withGlobalFlags(ApiKeyCommands.globalFlags),
  // The format of the tokens that `generate` makes and `scan` looks for.
  Command.provide(Layer.succeed(ApiKeyCommands.TokenFormat, { prefix: "shop" })),
)

// As a program: `runMain(shop.pipe(Command.provide(…)), { version: "1.0.0" })` of `effect-api-key/cli/CommandLine`. Here two calls of it.
const run = Command.runWith(shop, { version: "1.0.0" })
const program = Effect.gen(function* () {
  yield* run(["sign-up", "--owner", "acme"]) // => shop for acme
  yield* run(["keys", "count", "--json"]) // => {"count":1}
})

const live = ApiKeys.layerMemoryWith({ token: { prefix: "shop" } })
await Effect.runPromise(Effect.provide(program, [live, NodeServices.layer]))
