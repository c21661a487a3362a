/** Finds and restores parts of the database that the migrations made and that are missing now. A migration doesn't run again for a missing part. */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import {
  createIndex,
  createMeterParts,
  createNodes,
  createPeppers,
  createReports,
  createTriggers,
  indexNames,
  replaceTell,
  triggerNames,
} from "./definitions.ts"
import { type InvalidIdentifier, qualify, resolve, type TableOptions } from "./table.ts"

/** The missing parts of a table that is there: names of indexes, constraints, triggers and tables. */
export interface Missing {
  /** Missing, or left invalid by a build that failed. */
  readonly indexes: ReadonlyArray<string>
  /** Missing, disabled, or enabled for replicated changes alone. */
  readonly triggers: ReadonlyArray<string>
  readonly hasNodes: boolean
  readonly hasReports: boolean
  readonly hasPeppers: boolean
  readonly hasTell: boolean
  readonly hasMeters: boolean
  readonly hasMeterChanges: boolean
  readonly hasLease: boolean
}

export const findMissing = (options: TableOptions = {}): Effect.Effect<Missing, SqlError | InvalidIdentifier, SqlClient> =>
  Effect.gen(function* () {
    const { table, qualified, nodes, reports, peppers, tell, meters, meterChanges, lease } = yield* resolve(options)
    const sql = (yield* SqlClient).withoutTransforms()
    const rows = yield* sql<{ name: string }>`
      SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE i.indrelid = ${qualified}::regclass AND i.indisvalid`
    const sound = new Set(rows.map(({ name }) => name))
    const enabled = yield* sql<{ name: string }>`
      SELECT tgname AS name FROM pg_trigger
      WHERE tgrelid = ${qualified}::regclass AND NOT tgisinternal AND tgenabled IN ('A', 'O')`
    const firing = new Set(enabled.map(({ name }) => name))
    const [rest] = yield* sql<Readonly<Record<"nodes" | "reports" | "peppers" | "tell" | "meters" | "changes" | "lease", boolean>>>`
      SELECT to_regclass(${nodes}) IS NOT NULL AS nodes, to_regclass(${reports}) IS NOT NULL AS reports,
        to_regclass(${peppers}) IS NOT NULL AS peppers, to_regproc(${tell}) IS NOT NULL AS tell, to_regclass(${meters}) IS NOT NULL AS meters,
        to_regclass(${meterChanges}) IS NOT NULL AS changes, to_regproc(${lease}) IS NOT NULL AS lease`
    return {
      indexes: [`${table}_pkey`, `${table}_key_id_key`, ...indexNames.map((name) => `${table}_${name}_idx`)].filter(
        (name) => !sound.has(name),
      ),
      triggers: triggerNames.map((name) => `${table}_tell_${name}`).filter((name) => !firing.has(name)),
      hasNodes: rest?.nodes ?? false,
      hasReports: rest?.reports ?? false,
      hasPeppers: rest?.peppers ?? false,
      hasTell: rest?.tell ?? false,
      hasMeters: rest?.meters ?? false,
      hasMeterChanges: rest?.changes ?? false,
      hasLease: rest?.lease ?? false,
    }
  })

/** Makes the missing parts, in one transaction, and gives their names. All migrations have to have run. */
export const repair = (options: TableOptions = {}): Effect.Effect<ReadonlyArray<string>, SqlError | InvalidIdentifier, SqlClient> =>
  Effect.gen(function* () {
    const names = yield* resolve(options)
    const { table, schema, qualified, nodes, reports, peppers, tell } = names
    const sql = (yield* SqlClient).withoutTransforms()
    const triggers = createTriggers(names)
    return yield* sql.withTransaction(
      Effect.gen(function* () {
        const missing = yield* findMissing(options)
        const statements: Array<string> = []
        // An invalid index has the name already.
        for (const name of missing.indexes) statements.push(`DROP INDEX IF EXISTS ${qualify(schema, name)}`)
        if (missing.indexes.includes(`${table}_pkey`))
          statements.push(`ALTER TABLE ${qualified} ADD CONSTRAINT "${table}_pkey" PRIMARY KEY (id)`)
        if (missing.indexes.includes(`${table}_key_id_key`)) {
          statements.push(`ALTER TABLE ${qualified} ADD CONSTRAINT "${table}_key_id_key" UNIQUE (key_id)`)
        }
        for (const name of indexNames)
          if (missing.indexes.includes(`${table}_${name}_idx`)) statements.push(createIndex(table, qualified, name))
        if (!missing.hasTell) statements.push(replaceTell(tell))
        for (const name of triggerNames) {
          if (!missing.triggers.includes(`${table}_tell_${name}`)) continue
          statements.push(`DROP TRIGGER IF EXISTS "${table}_tell_${name}" ON ${qualified}`, ...triggers[name])
        }
        if (!missing.hasNodes) statements.push(createNodes(nodes))
        if (!missing.hasReports) statements.push(createReports(reports))
        if (!missing.hasPeppers) statements.push(createPeppers(peppers))
        const parts = createMeterParts(names)
        if (!missing.hasMeters) statements.push(parts.meters)
        if (!missing.hasMeterChanges) statements.push(parts.meterChanges)
        if (!missing.hasLease) statements.push(parts.lease)
        for (const statement of statements) yield* sql`${sql.literal(statement)}`
        return [
          ...missing.indexes,
          ...(missing.hasTell ? [] : [`${table}_tell`]),
          ...missing.triggers,
          ...(missing.hasNodes ? [] : [`${table}_nodes`]),
          ...(missing.hasReports ? [] : [`${table}_reports`]),
          ...(missing.hasPeppers ? [] : [`${table}_peppers`]),
          ...(missing.hasMeters ? [] : [`${table}_meters`]),
          ...(missing.hasMeterChanges ? [] : [`${table}_meter_changes`]),
          ...(missing.hasLease ? [] : [`${table}_lease`]),
        ]
      }),
    )
  })
