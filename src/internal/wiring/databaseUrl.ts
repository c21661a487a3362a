/**
 * Explains why the database of `DATABASE_URL` can't be used (decision 0046). The server, the command line and `doctor` use the same words.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { safeLine } from "../text/safe.ts"

/**
 * The database that `DATABASE_URL` names can't be used. The message says what was found and what to do, and has no password.
 * @category errors
 * @since 0.1.0
 */
export class DatabaseUnavailable extends Schema.TaggedError<DatabaseUnavailable>()("DatabaseUnavailable", {
  found: Schema.String,
  advice: Schema.String,
}) {
  override get message(): string {
    return `${this.found}: ${this.advice}`
  }
}

/** Sends a first query, so that a wrong `DATABASE_URL` fails at the start, with a message about it. */
export const layerReachable = <A>(
  client: Layer.Layer<A | SqlClient, SqlError>,
  url: Redacted.Redacted,
): Layer.Layer<A | SqlClient, DatabaseUnavailable> => {
  const fail = (error: SqlError) => explain(error, Redacted.value(url))
  const asked = Layer.effectDiscard(Effect.flatMap(SqlClient, (sql) => Effect.mapError(sql`SELECT 1`, fail)))
  return Layer.provideMerge(
    asked,
    Layer.catch(client, (error) => Layer.effectContext(Effect.fail(fail(error)))),
  )
}

const form = "it is written postgres://user:password@host:5432/database"

const explain = (error: SqlError, url: string): DatabaseUnavailable => {
  const because = (found: string, advice: string) => new DatabaseUnavailable({ found: safeLine(found), advice })
  if (!URL.canParse(url)) return because("DATABASE_URL isn't a URL", form)
  const { protocol, username, hostname, port, pathname } = new URL(url)
  if (protocol !== "postgres:" && protocol !== "postgresql:")
    return because(`DATABASE_URL begins with ${protocol}`, `only PostgreSQL is known, and ${form}`)
  if (username === "") return because("DATABASE_URL names no user", form)
  const place = `${hostname === "" ? "this machine" : hostname}:${port === "" ? "5432" : port}`
  const { code, message, name } = rootOf(error)
  switch (code) {
    case "ECONNREFUSED":
      return because(`Nothing listens at ${place} (DATABASE_URL)`, "see that PostgreSQL runs, and that host and port are right")
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return because(`The host ${hostname} of DATABASE_URL isn't found`, "see that its name is right, and that names are resolved here")
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return because(`${place} (DATABASE_URL) doesn't answer`, "see that host and port are right, and that no firewall is in between")
    case "28000":
    case "28P01":
      return because(
        `PostgreSQL at ${place} refuses the user (${message})`,
        "see that user and password in DATABASE_URL are right, and what pg_hba.conf allows",
      )
    case "3D000":
      return because(`PostgreSQL at ${place} has no database ${decode(pathname.slice(1))}`, "create it, or correct DATABASE_URL")
    case "42501":
      return because(`PostgreSQL at ${place} lacks a right for this user (${message})`, "grant it, or name another user in DATABASE_URL")
    case "53300":
      return because(`PostgreSQL at ${place} takes no further connection (${message})`, "close some, or raise its limit")
    case "57P03":
      return because(`PostgreSQL at ${place} is being started or stopped (${message})`, "try again in a moment")
  }
  if (name === "PgProtocolParseError")
    return because(`What answers at ${place} (DATABASE_URL) isn't PostgreSQL`, "see that host and port are right")
  if (/timed out/i.test(message))
    return because(
      `${place} (DATABASE_URL) doesn't answer as PostgreSQL`,
      "see that host and port are right, and that no firewall is in between",
    )
  if (/does not support TLS|refused TLS/i.test(message))
    return because(
      `PostgreSQL at ${place} offers no TLS, which DATABASE_URL asks for`,
      "turn ssl on there, or correct sslmode in DATABASE_URL",
    )
  if (/^(?:CERT_|ERR_TLS_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_)/.test(code))
    return because(
      `The certificate of PostgreSQL at ${place} isn't trusted (${message})`,
      "see that it is valid for this host, and that its authority is known here (NODE_EXTRA_CA_CERTS)",
    )
  return because(
    `The database at ${place} (DATABASE_URL) can't be used (${message})`,
    "see that PostgreSQL runs there, and that DATABASE_URL is right",
  )
}

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The root of the driver's error. If several addresses were tried, the first one's error is taken. */
const rootOf = (error: SqlError): { readonly code: string; readonly message: string; readonly name: string } => {
  let root = { code: "", message: error.message, name: "" }
  for (let each: unknown = error.reason; typeof each === "object" && each !== null; each = inner(each)) {
    // The type of each field is checked before its use.
    const { code, message, _tag } = each as { readonly code?: unknown; readonly message?: unknown; readonly _tag?: unknown }
    root = {
      code: typeof code === "string" && code !== "" ? code : root.code,
      message: typeof message === "string" && message !== "" ? message : root.message,
      name: typeof _tag === "string" ? _tag : root.name,
    }
  }
  return root
}

const inner = (error: object): unknown =>
  "errors" in error && Array.isArray(error.errors) ? error.errors[0] : "cause" in error ? error.cause : undefined
