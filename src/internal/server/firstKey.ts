import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import { ApiKeys, type Created } from "../../ApiKeys.ts"
import { type CredentialOptions, credentialsFrom } from "../http/credentials.ts"

/**
 * Makes an administrator's key if the table is empty. The token is passed on here and kept nowhere.
 *
 * A lock in the transaction keeps nodes that start together from making several.
 */
export const makeFirstKey = Effect.fnUntraced(function* (onFirstKey: (created: Created, url: string) => Effect.Effect<void>) {
  const sql = yield* SqlClient
  const apiKeys = yield* ApiKeys
  const created = yield* sql.withTransaction(
    Effect.gen(function* () {
      yield* sql`SELECT pg_advisory_xact_lock(hashtext('effect-api-key first key'))`
      return (yield* apiKeys.count()) === 0 ? Option.some(yield* apiKeys.create({ name: "Administrator", scopes: ["*"] })) : Option.none()
    }),
  )
  if (Option.isNone(created)) {
    return yield* Effect.logInfo(
      "There are API keys already, so no administrator's key was made. To have one again, run with the server's configuration (on the embedded database while the server is stopped): effect-api-key create --name Administrator --scope '*'",
    )
  }
  yield* onFirstKey(created.value, HttpServer.formatAddress((yield* HttpServer.HttpServer).address))
})

/** Prints the key for people, with a call that carries it in a place that the server accepts. */
export const printFirstKey =
  (credentials: CredentialOptions) =>
  (created: Created, url: string): Effect.Effect<void> => {
    const token = Redacted.value(created.token)
    const {
      places: [{ header, scheme }],
    } = credentialsFrom(credentials)
    return Console.log(
      [
        "",
        "An administrator's key was made. Its token is shown this once:",
        "",
        `  ${token}`,
        "",
        "Try it:",
        "",
        `  curl -H '${header}: ${scheme === undefined ? token : `${scheme} ${token}`}' ${url}/protected`,
        "",
      ].join("\n"),
    )
  }
