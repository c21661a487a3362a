/** The database's faults as the repository tells of them. */
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import type { StoredApiKey } from "../../ApiKey.ts"
import { RepositoryError, UnstorableText } from "../../ApiKeyError.ts"
import { safeLine } from "../text/safe.ts"

/**
 * The cause of a `RepositoryError`: the kind of failure, PostgreSQL's code for it and its message. Unlike the driver's error it holds no
 * values of the statement, so no hash.
 * @category errors
 * @since 0.1.0
 */
export class StoreFailure extends Schema.TaggedError<StoreFailure>()("StoreFailure", {
  reason: Schema.String,
  sqlState: Schema.NullOr(Schema.String),
  description: Schema.String,
}) {
  override get message(): string {
    return this.sqlState === null ? `${this.reason}: ${this.description}` : `${this.reason} (${this.sqlState}): ${this.description}`
  }
}

/**
 * Names a failed operation. The driver's error and a row that doesn't decode may hold values, hashes among them. Only a description goes on,
 * with `secrets` blotted out of the driver's.
 */
export const toRepositoryError =
  (operation: string, secrets: ReadonlyArray<string> = []) =>
  (error: SqlError | Schema.SchemaError): RepositoryError => {
    const conceal = (text: string): string =>
      secrets.reduce((concealed, secret) => (secret === "" ? concealed : concealed.replaceAll(secret, "<redacted>")), text)
    if (!isSqlError(error)) {
      const cause = new StoreFailure({ reason: "UnreadableRow", sqlState: null, description: error.message })
      return new RepositoryError({ operation, isRetryable: false, cause })
    }
    const { reason, isRetryable } = error
    const detail: unknown = reason.cause
    const sqlState =
      typeof detail === "object" && detail !== null && "code" in detail && typeof detail.code === "string" ? detail.code : null
    const description = detail instanceof Error ? detail.message : error.message
    const unstorable = sqlState === "22P05" ? characterIn(description) : undefined
    if (unstorable !== undefined)
      return new RepositoryError({ operation, isRetryable: false, cause: new UnstorableText({ character: unstorable }) })
    return new RepositoryError({
      operation,
      isRetryable: isRetryable || (sqlState !== null && isPassing(sqlState)),
      cause: new StoreFailure({ reason: nameOf(reason._tag, sqlState), sqlState, description: safeLine(conceal(description)) }),
    })
  }

/** The hashes of a record, as the secrets of {@link toRepositoryError}. */
export const hashesOf = ({ hash, previousHash }: Pick<StoredApiKey, "hash" | "previousHash">): ReadonlyArray<string> =>
  [hash, previousHash].flatMap((some) => (some === null ? [] : [Redacted.value(some)]))

/** Connections that break, resources that are used up, and a server that stops or starts are passing states. */
const isPassing = (sqlState: string): boolean => /^(?:08|53|57P0)/.test(sqlState)

/** Of `character with byte sequence 0xe2 0x82 0xac in encoding "UTF8" has no equivalent in encoding "LATIN1"`, in whichever language. */
const characterIn = (description: string): string | undefined => {
  const [bytes] = /(?:0x[0-9a-f]{2}(?: |$|\b)){1,4}/.exec(description) ?? []
  return bytes === undefined ? undefined : Buffer.from(bytes.replace(/0x|\s/g, ""), "hex").toString("utf8")
}

/** The driver knows fewer kinds of failure than operators have to tell apart. */
const nameOf = (tag: string, sqlState: string | null): string =>
  tag === "UnknownError" && sqlState !== null ? (names[sqlState] ?? tag) : tag

const names: Readonly<Record<string, string>> = {
  "22P05": "UntranslatableCharacter",
  "25006": "ReadOnlyDatabase",
  "53100": "DiskFull",
  "53200": "OutOfMemory",
  "53300": "TooManyConnections",
  "55P03": "LockTimeout",
  "57014": "StatementTimeout",
  "57P01": "ShuttingDown",
  "57P03": "StartingUp",
  "58030": "InputOutputError",
}
