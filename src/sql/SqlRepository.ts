/**
 * Keeps API keys in PostgreSQL or PGlite, through whatever `SqlClient` the application has.
 *
 * {@link layer} uses the table that `effect-api-key/sql/Migrations` creates. Statements join the application's `sql.withTransaction`; a key
 * id that is taken doesn't abort it.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Request from "effect/Request"
import * as RequestResolver from "effect/RequestResolver"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import { ApiKey, ApiKeyId, Description, isInRange, KeyId, Metadata, Name, OwnerId, StoredApiKey } from "../ApiKey.ts"
import { ApiKeyNotFound, DuplicateKeyId, type InvalidCursor, RepositoryError, VersionConflict } from "../ApiKeyError.ts"
import { ApiKeyRepository, type Changes, defaultSort, type Filter, type Sort } from "../ApiKeyRepository.ts"
import * as Cursor from "../internal/cursor.ts"
import { isStorableText } from "../internal/storableText.ts"
import { toSimpleLowerCase } from "../internal/lowerCase.ts"
import { ScopeSet } from "../Scope.ts"
import { type InvalidIdentifier, resolve, type Table, type TableOptions } from "./table.ts"

export { InvalidIdentifier, type TableOptions } from "./table.ts"

/**
 * What a `RepositoryError` tells of its cause: the kind of failure, PostgreSQL's code for it and its message. Unlike the driver's error
 * it holds no values of the statement, so no hash.
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
 * The repository on a table of another name or in a schema.
 * @category layers
 * @since 0.1.0
 */
export const layerWith = (options: TableOptions): Layer.Layer<ApiKeyRepository, InvalidIdentifier, SqlClient> =>
  Layer.effect(
    ApiKeyRepository,
    Effect.flatMap(resolve(options), (table) => Effect.map(SqlClient, (sql) => make(sql, table))),
  )

/**
 * The repository on the table `api_keys`.
 * @category layers
 * @since 0.1.0
 */
// The default name is a good one.
export const layer: Layer.Layer<ApiKeyRepository, never, SqlClient> = Layer.orDie(layerWith({}))

const make = (client: SqlClient, table: Table): ApiKeyRepository["Service"] => {
  // Names are literals and rows are taken as they come, so the application's transforms have nothing to change.
  const sql = client.withoutTransforms()
  const keys = sql.literal(table.qualified)
  const columns = sql.literal(columnList)
  const stored = sql.literal(`${columnList}, hash`)

  const isInTransaction = (context: Context.Context<never>): boolean =>
    Context.getOrUndefined(context, sql.transactionService) !== undefined

  const toLookUpError = toRepositoryError("look up")
  // A span keeps what its effect gave, and these rows hold hashes. The caller's span tells of the look-up. One text for any number of ids
  // stays one prepared statement.
  const selectStored = (column: "id" | "key_id", type: "uuid" | "text") => {
    const text = `SELECT ${columnList}, hash FROM ${table.qualified} WHERE ${column} = ANY($1::${type}[])`
    return (values: ReadonlyArray<string>) =>
      Effect.mapError(Effect.withTracerEnabled(sql.unsafe<Record<string, unknown>>(text, [values]), false), toLookUpError)
  }
  const selectByIds = selectStored("id", "uuid")
  const selectByKeyIds = selectStored("key_id", "text")

  const decodeRow = (row: unknown): Exit.Exit<Option.Option<StoredApiKey>, RepositoryError> =>
    row === undefined
      ? Exit.succeed(Option.none())
      : Exit.mapBoth(decodeStored(row), { onSuccess: (decoded) => Option.some(toStored(decoded)), onFailure: toLookUpError })

  /** Look-ups that are made together share a statement; a row that can't be read fails its own look-up alone. */
  const lookUps = RequestResolver.make<LookUp>((entries) =>
    Effect.map(selectByKeyIds(Array.from(new Set(entries.map(({ request }) => request.keyId)))), (rows) => {
      const byKeyId = new Map(rows.map((row) => [row["key_id"], row]))
      for (const entry of entries) entry.completeUnsafe(decodeRow(byKeyId.get(entry.request.keyId)))
    }),
  )

  const conflictOrAbsence = (operation: string, id: ApiKeyId, ifVersion: number | undefined) =>
    ifVersion === undefined
      ? Effect.fail(new ApiKeyNotFound({ id }))
      : sql`SELECT version FROM ${keys} WHERE id = ${id}::uuid`.pipe(
          Effect.flatMap(decodeVersion),
          Effect.mapError(toRepositoryError(operation)),
          Effect.flatMap(([row]): Effect.Effect<never, ApiKeyNotFound | VersionConflict> =>
            Effect.fail(
              row === undefined ? new ApiKeyNotFound({ id }) : new VersionConflict({ id, expected: ifVersion, actual: row.version }),
            ),
          ),
        )

  const only = (id: ApiKeyId, ifVersion: number | undefined): Fragment =>
    ifVersion === undefined ? sql`id = ${id}::uuid` : sql`id = ${id}::uuid AND version = ${ifVersion}::int8`

  const where = (filter: Filter): Fragment => {
    const { ownerId, isActive, scopes, name, keyId, neverUsed, expired } = filter
    const texts = [ownerId, name, keyId, ...(scopes ?? [])]
    if (texts.some((text) => text !== undefined && !isStorableText(text))) return sql.literal("FALSE")
    const clauses: Array<Fragment> = []
    if (ownerId !== undefined) clauses.push(sql`owner_id = ${ownerId}::text`)
    if (isActive !== undefined) clauses.push(sql`is_active = ${isActive}::boolean`)
    if (scopes !== undefined && scopes.length > 0) clauses.push(sql`scopes @> ${scopes}::text[]`)
    // No LIKE, so nothing in the text has a meaning of its own.
    if (name !== undefined) clauses.push(sql`strpos(name_lower, ${toSimpleLowerCase(name)}::text) > 0`)
    if (keyId !== undefined) clauses.push(sql`key_id = ${keyId}::text`)
    const from = (column: string, instant: DateTime.Utc | undefined) => {
      if (instant !== undefined) clauses.push(sql`${sql.literal(column)} >= ${toDate(instant)}::timestamptz`)
    }
    const before = (column: string, instant: DateTime.Utc | undefined) => {
      if (instant !== undefined) clauses.push(sql`${sql.literal(column)} < ${toDate(instant)}::timestamptz`)
    }
    from("created_at", filter.createdAfter)
    before("created_at", filter.createdBefore)
    from("expires_at", filter.expiresAfter)
    before("expires_at", filter.expiresBefore)
    from("last_used_at", filter.lastUsedAfter)
    before("last_used_at", filter.lastUsedBefore)
    if (neverUsed !== undefined) clauses.push(sql.literal(`last_used_at IS ${neverUsed ? "" : "NOT "}NULL`))
    if (expired !== undefined) {
      const at = toDate(expired.at)
      clauses.push(expired.is ? sql`expires_at <= ${at}::timestamptz` : sql`(expires_at > ${at}::timestamptz OR expires_at IS NULL)`)
    }
    return sql.and(clauses)
  }

  /** Up to `count` keys after a position: those with a value, then those without, each read along the index. */
  const rowsAfter = (filter: Filter, sort: Sort, { value, id }: Cursor.Position, count: number): Fragment => {
    const { column, isNullable, direction } = orderOf(sort)
    const beyond = sql.literal(sort.order === "asc" ? ">" : "<")
    const order = sql.literal(orderBy(sort))
    const take = (condition: Fragment) =>
      sql`(SELECT ${columns} FROM ${keys} WHERE ${where(filter)} AND ${condition} ORDER BY ${order} LIMIT ${count}::int8)`
    const isNull = sql.literal(`${column} IS NULL`)
    if (value === null) return take(sql`${isNull} AND id ${beyond} ${id}::uuid`)
    const bound = typeof value === "string" ? sql`${value}::text` : sql`${new Date(value)}::timestamptz`
    const rest = take(sql`(${sql.literal(column)}, id) ${beyond} (${bound}, ${id}::uuid)`)
    if (!isNullable) return rest
    const all = sql`${rest} UNION ALL ${take(isNull)}`
    return sql`SELECT * FROM (${all}) AS rest ORDER BY ${sql.literal(`${column} ${direction} NULLS LAST, id ${direction}`)} LIMIT ${count}::int8`
  }

  const readAfter = (operation: string, filter: Filter, sort: Sort, position: Cursor.Position, count: number) =>
    sql`${rowsAfter(filter, sort, position, count)}`.pipe(
      Effect.flatMap(decodeKeys),
      Effect.map((rows) => rows.map(toApiKey)),
      Effect.mapError(toRepositoryError(operation)),
    )

  const readFirst = (operation: string, filter: Filter, sort: Sort, count: number) =>
    sql`SELECT ${columns} FROM ${keys} WHERE ${where(filter)} ORDER BY ${sql.literal(orderBy(sort))} LIMIT ${count}::int8`.pipe(
      Effect.flatMap(decodeKeys),
      Effect.map((rows) => rows.map(toApiKey)),
      Effect.mapError(toRepositoryError(operation)),
    )

  /** The page and the total of one moment, in one statement; the total has a row of its own where the page is empty. */
  const readOffset = (filter: Filter, sort: Sort, count: number, offset: number) =>
    sql`SELECT total.total, page.* FROM (SELECT count(*)::int4 AS total FROM ${keys} WHERE ${where(filter)}) AS total
      LEFT JOIN (SELECT ${columns} FROM ${keys} WHERE ${where(filter)} ORDER BY ${sql.literal(orderBy(sort))}
        LIMIT ${count}::int8 OFFSET ${offset}::int8) AS page ON TRUE
      ORDER BY ${sql.literal(orderBy(sort, "page."))}`.pipe(
      Effect.flatMap((rows) =>
        Effect.all({
          total: Effect.map(decodeTotal(rows), ([row]) => row?.total ?? 0),
          items: Effect.map(decodeKeys(rows.filter(({ id }) => id !== null)), (decoded) => decoded.map(toApiKey)),
        }),
      ),
      Effect.mapError(toRepositoryError("search")),
    )

  const assignments = (changes: Changes): ReadonlyArray<Fragment> => {
    const { name, description, ownerId, scopes, metadata, isActive, expiresAt } = changes
    const set: Array<Fragment> = []
    if (name !== undefined) set.push(sql`name = ${name}::text, name_lower = ${toSimpleLowerCase(name)}::text`)
    if (description !== undefined) set.push(sql`description = ${description}::text`)
    if (ownerId !== undefined) set.push(sql`owner_id = ${ownerId}::text`)
    if (scopes !== undefined) set.push(sql`scopes = ${scopes}::text[]`)
    if (metadata !== undefined) set.push(sql`metadata = ${JSON.stringify(metadata)}::text::jsonb`)
    if (isActive !== undefined) set.push(sql`is_active = ${isActive}::boolean`)
    if (expiresAt !== undefined) set.push(sql`expires_at = ${toDate(expiresAt)}::timestamptz`)
    return set
  }

  return {
    insert: ({ apiKey, hash }) => {
      const secret = Redacted.value(hash)
      return sql`INSERT INTO ${keys} (${stored}, name_lower) VALUES (
        ${apiKey.id}::uuid, ${apiKey.keyId}::text, ${apiKey.prefix}::text, ${apiKey.name}::text, ${apiKey.description}::text,
        ${apiKey.ownerId}::text, ${apiKey.scopes}::text[], ${JSON.stringify(apiKey.metadata)}::text::jsonb, ${apiKey.isActive}::boolean,
        ${toDate(apiKey.expiresAt)}::timestamptz, ${toDate(apiKey.createdAt)}::timestamptz, ${toDate(apiKey.updatedAt)}::timestamptz,
        ${toDate(apiKey.lastUsedAt)}::timestamptz, ${apiKey.hint}::text, ${apiKey.version}::int4, ${secret}::text,
        ${toSimpleLowerCase(apiKey.name)}::text
      ) ON CONFLICT (key_id) DO NOTHING RETURNING version`.pipe(
        Effect.mapError(toRepositoryError("insert", secret)),
        Effect.flatMap((rows) => (rows.length > 0 ? Effect.void : Effect.fail(new DuplicateKeyId({ keyId: apiKey.keyId })))),
      )
    },

    findById: (id) => Effect.flatMap(selectByIds([id]), ([row]) => decodeRow(row)),

    // What one transaction sees isn't for others to read.
    findByKeyId: (keyId) =>
      Effect.contextWith((context: Context.Context<never>) =>
        isInTransaction(context)
          ? Effect.flatMap(selectByKeyIds([keyId]), ([row]) => decodeRow(row))
          : Effect.request(new LookUp({ keyId }), lookUps),
      ),

    update: (id, changes, { at, ifVersion }) =>
      sql`UPDATE ${keys} SET ${sql.csv([...assignments(changes), sql`updated_at = ${toDate(at)}::timestamptz`, sql`version = version + 1`])}
        WHERE ${only(id, ifVersion)} RETURNING ${columns}`.pipe(
        Effect.flatMap(decodeKeys),
        Effect.mapError(toRepositoryError("update")),
        Effect.flatMap(([row]) => (row === undefined ? conflictOrAbsence("update", id, ifVersion) : Effect.succeed(toApiKey(row)))),
      ),

    delete: (id, options) =>
      sql`DELETE FROM ${keys} WHERE ${only(id, options?.ifVersion)} RETURNING ${columns}`.pipe(
        Effect.flatMap(decodeKeys),
        Effect.mapError(toRepositoryError("delete")),
        Effect.flatMap(([row]) =>
          row === undefined ? conflictOrAbsence("delete", id, options?.ifVersion) : Effect.succeed(toApiKey(row)),
        ),
      ),

    search: ({ filter, sort, limit, page }) =>
      Effect.gen(function* (): Effect.fn.Return<
        ReadonlyArray<ApiKey> | { total: number; items: ReadonlyArray<ApiKey> },
        InvalidCursor | RepositoryError
      > {
        if (page._tag === "Offset") return yield* readOffset(filter, sort, limit + 1, page.offset)
        const position = yield* Effect.fromResult(Cursor.decode(page.cursor, sort))
        return yield* readAfter("search", filter, sort, position, limit + 1)
      }).pipe(
        Effect.map((found) => {
          const { total, items: more } = "total" in found ? found : { total: null, items: found }
          const items = more.slice(0, limit)
          const last = items.at(-1)
          return { items, total, nextCursor: last !== undefined && more.length > limit ? Cursor.encode(last, sort) : null }
        }),
      ),

    count: (filter) =>
      sql`SELECT count(*)::int4 AS total FROM ${keys} WHERE ${where(filter)}`.pipe(
        Effect.flatMap(decodeTotal),
        Effect.map(([row]) => row?.total ?? 0),
        Effect.mapError(toRepositoryError("count")),
      ),

    stream: (filter, sort = defaultSort) =>
      Stream.paginate(Option.none<Cursor.Position>(), (after) =>
        Option.match(after, {
          onNone: () => readFirst("stream", filter, sort, batchSize),
          onSome: (position) => readAfter("stream", filter, sort, position, batchSize),
        }).pipe(
          Effect.map((items) => {
            const last = items.at(-1)
            const next =
              last !== undefined && items.length === batchSize
                ? Option.some({ value: Cursor.sortValue(last, sort), id: last.id })
                : Option.none()
            return [items, Option.map(next, Option.some)] as const
          }),
        ),
      ),

    // The rows are locked in the order of their ids, so that two nodes can't wait for each other.
    touch: (uses) =>
      uses.length === 0
        ? Effect.void
        : sql`WITH uses AS (
            SELECT id::uuid AS id, max(used_at::timestamptz) AS used_at
            FROM unnest(${uses.map(({ id }) => id)}::text[], ${uses.map(({ lastUsedAt }) => DateTime.formatIso(lastUsedAt))}::text[]) AS use (id, used_at)
            GROUP BY 1
          ), known AS (
            SELECT key.id, uses.used_at FROM ${keys} AS key JOIN uses ON uses.id = key.id
            WHERE key.last_used_at IS NULL OR key.last_used_at < uses.used_at
            ORDER BY key.id FOR NO KEY UPDATE OF key
          )
          UPDATE ${keys} AS key SET last_used_at = GREATEST(key.last_used_at, known.used_at) FROM known WHERE key.id = known.id`.pipe(
            Effect.asVoid,
            Effect.mapError(toRepositoryError("touch")),
          ),

    transaction: { isOpen: isInTransaction, afterCommit: sql.afterCommit },
  }
}

class LookUp extends Request.Class<{ readonly keyId: KeyId }, Option.Option<StoredApiKey>, RepositoryError> {}

const batchSize = 500

const columnList =
  "id, key_id, prefix, name, description, owner_id, scopes, metadata, is_active, expires_at, created_at, updated_at, last_used_at, hint, version"

const InstantColumn = Schema.DateTimeUtcFromDate.check(isInRange())
// Null first: a union tries its members in turn, and each failure costs more than all the other columns.
const OptionalInstantColumn = Schema.Union([Schema.Null, InstantColumn])
const keyColumns = {
  id: ApiKeyId,
  key_id: KeyId,
  prefix: Schema.String,
  name: Name,
  description: Schema.NullOr(Description),
  owner_id: Schema.NullOr(OwnerId),
  scopes: ScopeSet,
  metadata: Metadata,
  is_active: Schema.Boolean,
  expires_at: OptionalInstantColumn,
  created_at: InstantColumn,
  updated_at: InstantColumn,
  last_used_at: OptionalInstantColumn,
  hint: Schema.String,
  version: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)),
}
const KeyRow = Schema.Struct(keyColumns)
const StoredRow = Schema.Struct({ ...keyColumns, hash: Schema.String })

const decodeKeys = Schema.decodeUnknownEffect(Schema.Array(KeyRow))
const decodeStored = Schema.decodeUnknownExit(StoredRow)
const decodeVersion = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ version: Schema.Int })))
const decodeTotal = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ total: Schema.Int })))

/** The row was checked when it was decoded. */
const checked = { disableChecks: true } as const

const toApiKey = (row: typeof KeyRow.Type): ApiKey =>
  new ApiKey(
    {
      id: row.id,
      keyId: row.key_id,
      prefix: row.prefix,
      name: row.name,
      description: row.description,
      ownerId: row.owner_id,
      scopes: row.scopes,
      metadata: row.metadata,
      isActive: row.is_active,
      expiresAt: row.expires_at,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      lastUsedAt: row.last_used_at,
      hint: row.hint,
      version: row.version,
    },
    checked,
  )

const toStored = (row: typeof StoredRow.Type): StoredApiKey =>
  new StoredApiKey({ apiKey: toApiKey(row), hash: Redacted.make(row.hash, { label: "hash" }) }, checked)

const orderOf = ({ by, order }: Sort) => ({ ...sortColumns[by], direction: order === "asc" ? "ASC" : "DESC" })

const sortColumns = {
  createdAt: { column: "created_at", isNullable: false },
  name: { column: "name", isNullable: false },
  lastUsedAt: { column: "last_used_at", isNullable: true },
  expiresAt: { column: "expires_at", isNullable: true },
} as const

// `NULLS LAST` on a column without nulls would keep its index from being read backwards.
const orderBy = (sort: Sort, prefix = ""): string => {
  const { column, isNullable, direction } = orderOf(sort)
  return `${prefix}${column} ${direction}${isNullable ? " NULLS LAST" : ""}, ${prefix}id ${direction}`
}

const toDate = <A extends DateTime.Utc | null>(instant: A): Date | null => (instant === null ? null : DateTime.toDateUtc(instant))

/** Connections that break, resources that are used up, and a server that is being stopped or started: all of them pass. */
const isPassing = (sqlState: string): boolean => /^(?:08|53|57P0)/.test(sqlState)

/** The driver's error and a row that doesn't decode may hold values, hashes among them; only words about them go on. */
const toRepositoryError =
  (operation: string, secret?: string) =>
  (error: SqlError | Schema.SchemaError): RepositoryError => {
    const conceal = (text: string): string => (secret === undefined || secret === "" ? text : text.replaceAll(secret, "<redacted>"))
    if (!isSqlError(error)) {
      const cause = new StoreFailure({ reason: "UnreadableRow", sqlState: null, description: error.message })
      return new RepositoryError({ operation, isRetryable: false, cause })
    }
    const { reason, isRetryable } = error
    const detail: unknown = reason.cause
    const sqlState =
      typeof detail === "object" && detail !== null && "code" in detail && typeof detail.code === "string" ? detail.code : null
    const description = detail instanceof Error ? detail.message : error.message
    return new RepositoryError({
      operation,
      isRetryable: isRetryable || (sqlState !== null && isPassing(sqlState)),
      cause: new StoreFailure({ reason: reason._tag, sqlState, description: conceal(description) }),
    })
  }
