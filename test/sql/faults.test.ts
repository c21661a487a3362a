/** What the repository makes of a database's faults. */
import { inspect } from "node:util"
import { assert, it } from "@effect/vitest"
import { Effect, Redacted, Stream } from "effect"
import { SqlError } from "effect/sql"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import { makeStoredApiKey } from "../../src/testing.ts"
import { layerStubDatabase } from "../support/stubDatabase.ts"

/** A database that answers every statement with an error, quoting the row as PostgreSQL does. */
const failing = (code: string, row: string) => {
  const error = new SqlError.SqlError({
    reason: new SqlError.UnknownError({
      cause: Object.assign(new Error(`it failed: ${row}`), { code, detail: `Failing row contains (${row})` }),
      message: row,
    }),
  })
  return layerStubDatabase(() => Effect.fail(error), Stream.fail(error))
}

const passing = ["08006", "53100", "53300", "57P01", "57P03"]
const lasting = ["42P01", "22021", "28P01", "57014", "25006"]
/** What operators have to tell apart. */
const named: Readonly<Record<string, string>> = {
  "25006": "ReadOnlyDatabase",
  "53100": "DiskFull",
  "53300": "TooManyConnections",
  "57014": "StatementTimeout",
  "57P01": "ShuttingDown",
  "57P03": "StartingUp",
}

for (const code of [...passing, ...lasting]) {
  it.effect(`${code} is a RepositoryError that ${passing.includes(code) ? "may pass" : "stays"}, and shows no hash`, () =>
    Effect.gen(function* () {
      const key = makeStoredApiKey({ hash: "$argon2id$a-hash-to-hide" })
      const error = yield* ApiKeyRepository.use((repository) => Effect.flip(repository.insert(key)))
      assert.strictEqual(error._tag, "RepositoryError")
      if (error._tag !== "RepositoryError") return
      assert.strictEqual(error.isRetryable, passing.includes(code))
      assert.deepInclude(error.cause, { _tag: "StoreFailure", sqlState: code, reason: named[code] ?? "UnknownError" })
      for (const shown of [inspect(error, { depth: 20, showHidden: true }), String(error), JSON.stringify(error)]) {
        assert.isFalse(shown.includes(Redacted.value(key.hash)))
      }
    }).pipe(Effect.provide(failing(code, "1, $argon2id$a-hash-to-hide, 2"))),
  )
}
