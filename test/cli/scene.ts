/** The databases, the server and the bundle that tests of the command line run on: a file prepares what its tests need. */
import { cpSync, existsSync } from "node:fs"
import { join } from "node:path"
import * as PgClient from "@effect/sql-pg/PgClient"
import { afterAll, assert, beforeAll } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql"
import { Json } from "../../src/cli.ts"
import { startPostgres } from "../support/postgres.ts"
import { bundle, type Env, type Ran, remove, run, serve, type Served, temporary } from "./support.ts"

export const folder = temporary()
export let served: Served
export let postgres: { readonly DATABASE_URL: string; readonly API_KEY_PEPPER: string }
const scope = Scope.makeUnsafe()

/** Databases on the same server, migrated: opening one takes a fraction of what the embedded one takes. */
export const onPostgres = (name: "fresh" | "living" | "moving" | "moved") => ({
  ...postgres,
  DATABASE_URL: postgres.DATABASE_URL.replace(/\w+$/, name),
})

/** An embedded database; making one from nothing takes seconds. */
export const database = (name: string): Env => {
  const dataDir = join(folder, name)
  if (!existsSync(dataDir)) cpSync(join(folder, "template"), dataDir, { recursive: true })
  return { API_KEY_DATA_DIR: dataDir }
}

/** Where the keys are, by what a command is told. */
export const places = {
  "the embedded database": (name: string) => ({ env: database(name), at: [] as ReadonlyArray<string> }),
  PostgreSQL: (_name: string) => ({ env: onPostgres("living"), at: [] as ReadonlyArray<string> }),
  "a server": (_name: string) => ({ env: { EFFECT_API_KEY_TOKEN: served.token }, at: ["--url", served.url] }),
}

const prepareEmbedded = async () => {
  const { code, stderr } = await run(["migrate"], { API_KEY_DATA_DIR: join(folder, "template") })
  assert.strictEqual(code, 0, stderr)
}

const prepareServer = async () => {
  served = await serve(database("server"), "none")
}

const preparePostgres = async () => {
  const url = await Effect.runPromise(Scope.provide(startPostgres(), scope))
  postgres = { DATABASE_URL: Redacted.value(url), API_KEY_PEPPER: "sixteen bytes or more of it" }
  const execute = (statement: string) =>
    Effect.runPromise(SqlClient.SqlClient.use((sql) => sql.unsafe(statement)).pipe(Effect.provide(PgClient.layer({ url }))))
  await execute("CREATE DATABASE fresh")
  assert.strictEqual((await run(["migrate"], onPostgres("fresh"))).code, 0)
  for (const name of ["living", "moving", "moved"]) await execute(`CREATE DATABASE ${name} TEMPLATE fresh`)
}

const preparations = { embedded: prepareEmbedded, server: prepareServer, postgres: preparePostgres }

/** What a file of tests needs, in this order: the server's database is a copy of the embedded one. */
export const prepare = (...needs: ReadonlyArray<keyof typeof preparations>): void => {
  beforeAll(async () => {
    bundle()
    for (const need of needs) await preparations[need]()
  })
  afterAll(async () => {
    const code = needs.includes("server") ? await served.stop() : 0
    await Effect.runPromise(Scope.close(scope, Exit.void))
    remove(folder)
    assert.strictEqual(code, 0)
  })
}

/** One object, of exactly this form. */
export const decode = <A, I>(schema: Schema.Codec<A, I>, line: string): A =>
  Schema.decodeUnknownSync(schema, { onExcessProperty: "error" })(JSON.parse(line))
export const lines = (text: string): ReadonlyArray<string> => text.split("\n").slice(0, -1)
export const one = <A, I>(schema: Schema.Codec<A, I>, { code, stdout, stderr }: Ran): A => {
  assert.strictEqual(code, 0, stderr)
  assert.lengthOf(lines(stdout), 1, stdout)
  assert.strictEqual(stderr, "")
  return decode(schema, stdout)
}
export const failed = ({ code, stdout, stderr }: Ran, expected: number, tag: string): void => {
  assert.strictEqual(code, expected, stderr)
  assert.strictEqual(stdout, "")
  assert.lengthOf(lines(stderr), 1, stderr)
  assert.strictEqual(decode(Json.Failure, stderr).error._tag, tag)
}
export const secretOf = (token: string): string => token.slice(token.lastIndexOf("-") + 1)
