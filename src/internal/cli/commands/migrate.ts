import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { fromError } from "../CliFailure.ts"
import * as Json from "../Json.ts"
import { toggle } from "../keyFlags.ts"
import { announceNew, noteMisspelt, onDatabase } from "../keyLayers.ts"
import { note, print } from "../output.ts"

/** Creates or updates the tables of the configured database. */
export const migrate = Command.make(
  "migrate",
  {
    repair: toggle("repair", "Also make indexes and triggers anew that are missing; it keeps the table from being written meanwhile"),
  },
  Effect.fnUntraced(function* ({ repair: repairs }) {
    yield* onDatabase("migrate")
    yield* noteMisspelt
    const { loadPeppers, readSettings, layerSql } = yield* Effect.promise(() => import("../database.ts"))
    const { migrate } = yield* Effect.promise(() => import("../../../sql/Migrations.ts"))
    const { repair } = yield* Effect.promise(() => import("../../sql/repair.ts"))
    const { isMountedElsewhere } = yield* Effect.promise(() => import("../../sql/unmigrated.ts"))
    const config = yield* readSettings
    yield* announceNew
    // The pepper is made before the database. An embedded database without a pepper counts as having lost its pepper.
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
