/** The database that holds the many keys: `SCALE_DATABASE_URL`, one that is of no other use. */
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Redacted } from "effect"

const url = process.env["SCALE_DATABASE_URL"]
if (url === undefined || url === "") throw new Error("SCALE_DATABASE_URL names no database")

export const databaseUrl = Redacted.make(url)
export const layerClient = PgClient.layer({ url: databaseUrl })

/** Tokens of keys that the service has created among the rows, one a line. */
export const tokensFile = join(tmpdir(), "effect-api-key-scale-tokens.txt")

export const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}
