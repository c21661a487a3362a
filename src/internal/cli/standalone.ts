/** The command line of the package: the commands over the database that is configured, or over a server, and those that need a database. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Created } from "../../ApiKeys.ts"
import { CliFailure, fromError, usage } from "./CliFailure.ts"
import * as Commands from "../../cli.ts"
import * as Json from "./Json.ts"
import { text, whole } from "./keyFlags.ts"
import { GivenToken, readSecret } from "./keyName.ts"
import { look, note, print } from "./output.ts"
import * as Settings from "./settings.ts"
import { safeJson } from "../text/safe.ts"

const layerServer = Effect.fnUntraced(function* (url: string) {
  const { username, password } = new URL(url)
  if (username !== "" || password !== "")
    return yield* usage("--url has a password in it, which your shell's history has now too: leave it out")
  const configured = yield* Effect.orDie(Config.option(Config.Redacted("EFFECT_API_KEY_TOKEN")))
  const token = Option.isSome(configured) ? configured.value : yield* askForToken
  const { readCredentialOptions } = yield* Effect.promise(() => import("../server/credentials.ts"))
  const { accept } = yield* readCredentialOptions
  const { layerServer } = yield* Effect.promise(() => import("./server.ts"))
  return layerServer({ url, token, place: accept?.[0] })
})

// Standard input may be what a command reads, so it isn't read for the token unless somebody types it.
const askForToken = Effect.flatMap(TerminalCapabilities, ({ canPrompt }) =>
  canPrompt ? readSecret("the token for the server") : Effect.fail(usage("--url needs a token in EFFECT_API_KEY_TOKEN")),
)

/** Making a database takes seconds. Without the package for it there is none to be made. */
const announceNew = Effect.gen(function* () {
  const { isNew, loadPglite } = yield* Effect.promise(() => import("./database.ts"))
  const made = yield* isNew
  if (Option.isNone(made)) return
  yield* loadPglite
  yield* note(`Making a database in ${made.value}`)
})

const noteMisspelt = Effect.gen(function* () {
  const { misspelt } = yield* Effect.promise(() => import("../server/variables.ts"))
  for (const warning of misspelt()) yield* note(warning)
})

const layerKeys = (options = { confirms: false }) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const url = yield* Settings.Url
      yield* noteMisspelt
      if (Option.isSome(url)) return yield* layerServer(url.value)
      const { layerDatabase } = yield* Effect.promise(() => import("./database.ts"))
      yield* announceNew
      return layerDatabase(options)
    }),
  )

const onDatabase = (what: string) =>
  Effect.flatMap(Settings.Url, (url) =>
    Option.isSome(url) ? Effect.fail(usage(`${what} works on the database itself: leave --url out`)) : Effect.void,
  )

const migrate = Command.make(
  "migrate",
  {
    repair: Flag.Boolean("repair").pipe(
      Flag.withoutNegation,
      Flag.withDescription("Also make indexes and triggers anew that are missing; it keeps the table from being written meanwhile"),
      Flag.withDefault(false),
    ),
  },
  Effect.fnUntraced(function* ({ repair: repairs }) {
    yield* onDatabase("migrate")
    yield* noteMisspelt
    const { loadPeppers, readSettings, layerSql } = yield* Effect.promise(() => import("./database.ts"))
    const { migrate } = yield* Effect.promise(() => import("../../sql/Migrations.ts"))
    const { repair } = yield* Effect.promise(() => import("../sql/repair.ts"))
    const { isMountedElsewhere } = yield* Effect.promise(() => import("../sql/unmigrated.ts"))
    const config = yield* readSettings
    yield* announceNew
    // An embedded database that is there without a pepper counts as having lost it.
    if (Option.isNone(config.databaseUrl)) yield* Effect.mapError(loadPeppers(config), (error) => fromError(error))
    const [isMounted, ran, repaired] = yield* Effect.all([isMountedElsewhere(), migrate(), repairs ? repair() : Effect.succeed([])]).pipe(
      Effect.mapError((error) => fromError(error)),
      Effect.provide(layerSql(config)),
    )
    if (isMounted) {
      yield* note(
        "The list effect_api_key_migrations isn't there: your application runs the migrations among its own, and all have run. If it doesn't, restore the list from a backup",
      )
    }
    const migrations = ran.map(([id, name]) => ({ id, name }))
    const done = [...migrations.map(({ id, name }) => `${id} ${name}`), ...repaired.map((name) => `${name} made anew`)]
    yield* print(Json.Migrated, { migrations, repaired }, () =>
      done.length === 0 ? "Nothing to do: the database is up to date" : done.join("\n"),
    )
  }),
).pipe(
  Command.withDescription("Create or update the tables in the database"),
  Command.withExamples([{ command: "effect-api-key migrate" }]),
)

const serve = Command.make(
  "serve",
  {
    host: text("host", "Default: HOST, or 127.0.0.1"),
    port: whole("port", 1, 65_535, "1 to 65535").pipe(Flag.withAlias("p"), Flag.withDescription("Default: PORT, or 3000"), Flag.optional),
  },
  Effect.fnUntraced(function* ({ host, port }) {
    yield* onDatabase("serve")
    if (Option.isSome(host)) process.env["HOST"] = host.value
    if (Option.isSome(port)) process.env["PORT"] = String(port.value)
    const { layerWith } = yield* Effect.promise(() => import("../../server.ts"))
    const onFirstKey = ({ apiKey, token }: Created, url: string) =>
      Console.log(safeJson(Schema.encodeSync(Json.FirstKey)({ apiKey, token: Redacted.value(token), url })))
    const server = layerWith((yield* Settings.Json) ? { onFirstKey } : {})
    return yield* Effect.mapError(Layer.launch(server), (error) => fromError(error))
  }),
).pipe(
  Command.withDescription("Run the server: the HTTP API over the database that is configured"),
  Command.withExamples([{ command: "effect-api-key serve --port 8080" }]),
)

const symbols = { ok: "✓", warning: "!", error: "✗" } as const
const styles = { ok: "green", warning: "yellow", error: "red" } as const

const doctor = Command.make(
  "doctor",
  {},
  Effect.fnUntraced(function* () {
    yield* onDatabase("doctor")
    const { examine } = yield* Effect.promise(() => import("./doctor.ts"))
    const findings = yield* examine
    if (yield* Settings.Json) {
      const encode = Schema.encodeSync(Json.Finding)
      yield* Effect.forEach(findings, (finding) => Console.log(safeJson(encode(finding))), { discard: true })
    } else {
      const { style } = yield* look
      for (const { check, level, message, advice } of findings) {
        yield* Console.log(`${style(styles[level], symbols[level])} ${check.padEnd(13)} ${message}`)
        if (advice !== null) yield* Console.log(`  ${" ".repeat(13)} ${style("bold", advice)}`)
      }
    }
    const errors = findings.filter(({ level }) => level === "error").length
    if (errors > 0) return yield* new CliFailure({ exitCode: 1, tag: "Unhealthy", reason: `${errors} of ${findings.length} checks failed` })
  }),
).pipe(
  Command.withDescription("Look for what is wrong with the configuration and the database, and say what to do"),
  Command.withExamples([{ command: "effect-api-key doctor --json" }]),
)

const keys = <Name extends string, Input, ContextInput, E, R>(self: Command.Command<Name, Input, ContextInput, E, R>) =>
  Command.provide(self, () => layerKeys())

const confirmable = <Name extends string, Input extends { readonly confirmWithin: Option.Option<unknown> }, ContextInput, E, R>(
  self: Command.Command<Name, Input, ContextInput, E, R>,
) => Command.provide(self, ({ confirmWithin }) => layerKeys({ confirms: Option.isSome(confirmWithin) }))

/** Those that no server offers. */
const onDatabaseAlone = <Name extends string, Input, ContextInput, E, R>(self: Command.Command<Name, Input, ContextInput, E, R>) =>
  Command.provide(self, () => Layer.unwrap(Effect.as(onDatabase(self.name), layerKeys())))

/** Standard input before the database: what writes the token may have the embedded one open until it ends. */
const verify = Command.provide(Commands.verify, () =>
  Layer.unwrap(
    Effect.map(process.stdin.isTTY ? Effect.succeed(undefined) : readSecret("the token"), (token) =>
      Layer.mergeAll(layerKeys(), token === undefined ? Layer.empty : Layer.succeed(GivenToken, token)),
    ),
  ),
)

/** Everything. */
export const standalone = Command.make("effect-api-key").pipe(
  Command.withDescription("Issue, verify and manage API keys"),
  Command.withSubcommands([
    keys(Commands.create),
    keys(Commands.list),
    keys(Commands.get),
    confirmable(Commands.update),
    keys(Commands.activate),
    confirmable(Commands.deactivate),
    confirmable(Commands.remove),
    keys(Commands.search),
    keys(Commands.count),
    verify,
    confirmable(Commands.rotate),
    confirmable(Commands.endGrace),
    Commands.generate,
    Command.provide(Commands.scan, ({ check, deactivate }) => (check || deactivate ? layerKeys() : Layer.empty)),
    onDatabaseAlone(Commands.importKeys),
    onDatabaseAlone(Commands.exportKeys),
    onDatabaseAlone(Commands.hashReport),
    migrate,
    serve,
    doctor,
  ]),
  Command.withGlobalFlags([...Commands.globalFlags, Settings.Url]),
  Command.withExamples([
    { command: "effect-api-key create --name ci --scope invoices:read --expires 30d", description: "Issue a key" },
    { command: "effect-api-key verify < token.txt", description: "Check a token" },
    { command: "EFFECT_API_KEY_TOKEN=… effect-api-key list --url https://keys.example.com", description: "Ask a server" },
  ]),
)
