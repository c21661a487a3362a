/** The repository over a database that answers each statement as it is told. */
import { Effect, Layer, type Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlError, Statement } from "effect/sql"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"

export const layerStubDatabase = (
  answer: (sql: string, params: ReadonlyArray<unknown>) => Effect.Effect<ReadonlyArray<never>, SqlError.SqlError>,
  stream: Stream.Stream<never, SqlError.SqlError>,
) => {
  // At its start the repository looks for what the migrations make: nothing is missing.
  const execute: typeof answer = (sql, params) => (sql.includes("pg_attribute") ? Effect.succeed([]) : answer(sql, params))
  const connection = {
    execute,
    executeRaw: execute,
    executeStream: () => stream,
    executeValues: execute,
    executeValuesUnprepared: execute,
    executeUnprepared: execute,
  }
  const client = SqlClient.make({
    acquirer: Effect.succeed(connection),
    compiler: Statement.makeCompiler({
      dialect: "pg",
      placeholder: (index) => `$${index}`,
      onIdentifier: Statement.defaultEscape('"'),
      onRecordUpdate: () => ["", []],
      onCustom: () => ["", []],
    }),
    driver: "stub",
    spanAttributes: [],
  })
  return SqlRepository.layer.pipe(Layer.provide(Layer.effect(SqlClient.SqlClient, client)), Layer.provide(Reactivity.layer))
}
