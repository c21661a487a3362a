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
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Request from "effect/Request"
import * as RequestResolver from "effect/RequestResolver"
import * as Schema from "effect/Schema"
import { BeginTransaction, SqlClient } from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import { type ApiKey, type ApiKeyId, type KeyId, keyIdsOf, type StoredApiKey } from "../ApiKey.ts"
import { ApiKeyNotFound, DuplicateKeyId, type InvalidCursor, RepositoryError, UnstorableText, VersionConflict } from "../ApiKeyError.ts"
import { ApiKeyRepository, type Changes, defaultSort, type Filter, type Sort, type Taken } from "../ApiKeyRepository.ts"
import * as Cursor from "../internal/record/cursor.ts"
import { safeLine } from "../internal/text/safe.ts"
import { schemePattern } from "../internal/hash/schemePattern.ts"
import { isStorableText } from "../internal/text/storable.ts"
import { toSimpleLowerCase } from "../internal/text/lowerCase.ts"
import {
  columnList,
  decodeKeys,
  decodeManyStored,
  decodeStored,
  decodeTaken,
  insertColumns,
  storedColumnList,
  toArrays,
} from "../internal/sql/row.ts"
import * as Register from "../internal/sql/nodes.ts"
import { PgliteClient } from "../internal/sql/PgliteClient.ts"
import { type InvalidIdentifier, resolve, type Table, type TableOptions } from "../internal/sql/table.ts"
import { findUnmigrated, type MissingMigrations } from "../internal/sql/unmigrated.ts"

export { InvalidIdentifier, type TableOptions } from "../internal/sql/table.ts"
export { MissingMigrations } from "../internal/sql/unmigrated.ts"

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
 *
 * Fails with `MissingMigrations` if the database lacks a table or column that a migration makes. A database that can't be asked fails nothing:
 * a warning says so, and it is asked at the first use.
 * @category layers
 * @since 0.1.0
 */
export const layerWith = (options: TableOptions): Layer.Layer<ApiKeyRepository, InvalidIdentifier | MissingMigrations, SqlClient> =>
  Layer.effect(
    ApiKeyRepository,
    Effect.gen(function* () {
      const table = yield* resolve(options)
      const missing = yield* Effect.catchTag(findUnmigrated(options), "SqlError", (error) =>
        Effect.as(Effect.logWarning("Could not look whether the migrations of API keys have run", error.reason.message), undefined),
      )
      if (missing !== undefined) return yield* missing
      const { peppers, ...repository } = make(yield* SqlClient, table)
      const pglite = yield* Effect.serviceOption(PgliteClient)
      // In memory the keys go along with the program that knows their pepper.
      return Option.isSome(pglite) && !pglite.value.isDurable ? repository : { ...repository, peppers }
    }),
  )

/**
 * The repository on the table `api_keys`, as {@link layerWith}.
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<ApiKeyRepository, MissingMigrations, SqlClient> = Layer.catchTag(
  layerWith({}),
  "InvalidIdentifier",
  // The default name is a good one.
  (error) => Layer.effectContext(Effect.die(error)),
)

type Repository = ApiKeyRepository["Service"] & Pick<Required<ApiKeyRepository["Service"]>, "peppers">

const make = (client: SqlClient, table: Table): Repository => {
  // Names are literals and rows are taken as they come, so the application's transforms have nothing to change.
  const sql = client.withoutTransforms()
  const keys = sql.literal(table.qualified)
  const columns = sql.literal(columnList)
  const stored = sql.literal(storedColumnList)
  const insertText = `INSERT INTO ${table.qualified} (${insertColumns.names}) SELECT ${insertColumns.names} FROM ${insertColumns.source}
    WHERE NOT EXISTS (SELECT FROM ${table.qualified} AS key WHERE key.key_id = given.previous_key_id OR key.previous_key_id = given.key_id)
    ORDER BY position ON CONFLICT DO NOTHING RETURNING concat_ws(' ', id, key_id, previous_key_id) AS ids`

  const isInTransaction = (context: Context.Context<never>): boolean =>
    Context.getOrUndefined(context, sql.transactionService) !== undefined

  const toLookUpError = toRepositoryError("look up")
  // A span keeps what its effect gave, and these rows hold hashes. The caller's span tells of the look-up. One text for any number of ids
  // stays one prepared statement.
  const selectStored = (condition: string) => {
    const text = `SELECT ${storedColumnList} FROM ${table.qualified} WHERE ${condition}`
    return (value: string | ReadonlyArray<string>) => Effect.withTracerEnabled(sql.unsafe<Record<string, unknown>>(text, [value]), false)
  }
  const selectById = selectStored("id = $1::uuid")
  const selectByKeyId = selectStored("key_id = $1::text OR previous_key_id = $1::text")
  const selectByKeyIds = selectStored("key_id = ANY($1::text[]) OR previous_key_id = ANY($1::text[])")

  const decodeRow = (row: Record<string, unknown> | undefined): Exit.Exit<Option.Option<StoredApiKey>, RepositoryError> =>
    row === undefined
      ? Exit.succeed(Option.none())
      : Exit.mapBoth(decodeStored(row), { onSuccess: (stored) => Option.some(stored), onFailure: toLookUpError })

  // PostgreSQL plans the statement for many anew each time, which the one for a single key id is spared.
  const selectAny = (keyIds: ReadonlyArray<string>) => {
    const [only] = keyIds
    return only !== undefined && keyIds.length === 1 ? selectByKeyId(only) : selectByKeyIds(keyIds)
  }

  /** Look-ups that are made together share a statement; a row that can't be read fails its own look-up alone. */
  const lookUps = RequestResolver.make<LookUp>((entries) =>
    Effect.map(Effect.mapError(selectAny(Array.from(new Set(entries.map(({ request }) => request.keyId)))), toLookUpError), (rows) => {
      const byKeyId = new Map(rows.map((row) => [row["previous_key_id"], row]))
      for (const row of rows) byKeyId.set(row["key_id"], row)
      for (const entry of entries) entry.completeUnsafe(decodeRow(byKeyId.get(entry.request.keyId)))
    }),
  )

  // After the wait for the database each step takes microseconds, so the look-up of one key makes do with few.
  const decodeFirst = {
    onFailure: (error: SqlError) => Effect.fail(toLookUpError(error)),
    onSuccess: ([row]: ReadonlyArray<Record<string, unknown>>) => decodeRow(row),
  }
  const lookUpAlone = (keyId: KeyId) => Effect.matchEffect(selectByKeyId(keyId), decodeFirst)

  let isLookingUp = false
  const whileLookingUp = <A, E>(lookUp: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.onExit(
      Effect.suspend(() => {
        isLookingUp = true
        return lookUp
      }),
      // Of two that began as one, the first to end lets others in, which costs no more than a statement of their own.
      () => {
        isLookingUp = false
        return Effect.void
      },
    )

  /**
   * A write of its own has an end: it waits for a lock, or for its client, no longer than {@link longest}. So a change whose answer is lost has
   * taken place, or never will, before that counts as known. In a transaction of the caller's that is for the caller to say.
   */
  const alone = <A, E>(operation: string, write: Effect.Effect<A, E | RepositoryError>): Effect.Effect<A, E | RepositoryError> =>
    Effect.contextWith((context: Context.Context<never>) => {
      if (isInTransaction(context)) return write
      return sql.withTransaction(Effect.andThen(sql.unsafe(boundText), write)).pipe(
        // As the caller would begin transactions of its own, read-only ones say.
        Effect.provideService(BeginTransaction, undefined),
        Effect.mapError((error) => (isSqlError(error) ? toRepositoryError(operation)(error) : error)),
        // A lost connection can't be rolled back on either.
        Effect.catchDefect((defect) => (isSqlError(defect) ? Effect.fail(toRepositoryError(operation)(defect)) : Effect.die(defect))),
      )
    })

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
    const { ownerId, isActive, scopes, name, keyId, startsWith, neverUsed, expired } = filter
    const texts = [ownerId, name, keyId, ...(scopes ?? [])]
    if (texts.some((text) => text !== undefined && !isStorableText(text))) return sql.literal("FALSE")
    const clauses: Array<Fragment> = []
    if (ownerId !== undefined) clauses.push(sql`owner_id = ${ownerId}::text`)
    if (isActive !== undefined) clauses.push(sql`is_active = ${isActive}::boolean`)
    if (scopes !== undefined && scopes.length > 0) clauses.push(sql`scopes @> ${scopes}::text[]`)
    // No LIKE, so nothing in the text has a meaning of its own.
    if (name !== undefined) clauses.push(sql`strpos(name_lower, ${toSimpleLowerCase(name)}::text) > 0`)
    if (keyId !== undefined) clauses.push(sql`(key_id = ${keyId}::text OR previous_key_id = ${keyId}::text)`)
    if (startsWith !== undefined) clauses.push(beginning(startsWith))
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
    from(tokenCreated(), filter.tokenCreatedAfter)
    before(tokenCreated(), filter.tokenCreatedBefore)
    if (neverUsed !== undefined) clauses.push(sql.literal(`last_used_at IS ${neverUsed ? "" : "NOT "}NULL`))
    if (expired !== undefined) {
      const at = toDate(expired.at)
      clauses.push(expired.is ? sql`expires_at <= ${at}::timestamptz` : sql`(expires_at > ${at}::timestamptz OR expires_at IS NULL)`)
    }
    return sql.and(clauses)
  }

  // As ranges, which the indexes know. In ASCII's order the end is the last character's successor.
  const beginning = (text: string): Fragment => {
    if (!/^[!-~]*$/.test(text)) return sql.literal("FALSE")
    if (text === "") return sql.literal("TRUE")
    const end = `${text.slice(0, -1)}${String.fromCharCode(text.charCodeAt(text.length - 1) + 1)}`
    const within = (column: string) => sql`(${sql.literal(column)} >= ${text}::text AND ${sql.literal(column)} < ${end}::text)`
    const either = [within("key_id"), within("previous_key_id")]
    const [least, most] = ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"].map(
      (id) => text + id.slice(text.length),
    )
    if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(least ?? "")) either.push(sql`id BETWEEN ${least}::uuid AND ${most}::uuid`)
    return sql.or(either)
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
    sql`${rowsAfter(filter, sort, position, count)}`.pipe(Effect.flatMap(decodeKeys), Effect.mapError(toRepositoryError(operation)))

  const readFirst = (operation: string, filter: Filter, sort: Sort, count: number) =>
    sql`SELECT ${columns} FROM ${keys} WHERE ${where(filter)} ORDER BY ${sql.literal(orderBy(sort))} LIMIT ${count}::int8`.pipe(
      Effect.flatMap(decodeKeys),
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
          items: decodeKeys(rows.filter(({ id }) => id !== null)),
        }),
      ),
      Effect.mapError(toRepositoryError("search")),
    )

  /** Up to a batch of keys with their hashes, the oldest first. A span would keep the hashes. */
  const readStored = (filter: Filter, after: Pick<ApiKey, "createdAt" | "id"> | undefined) => {
    const beyond =
      after === undefined ? sql.literal("TRUE") : sql`(created_at, id) > (${toDate(after.createdAt)}::timestamptz, ${after.id}::uuid)`
    return sql`SELECT ${stored} FROM ${keys} WHERE ${where(filter)} AND ${beyond} ORDER BY created_at, id LIMIT ${batchSize}::int8`.pipe(
      Effect.flatMap(decodeManyStored),
      Effect.withTracerEnabled(false),
      Effect.mapError(toRepositoryError("export")),
    )
  }

  const assignments = (changes: Changes): ReadonlyArray<Fragment> => {
    const { name, description, ownerId, scopes, metadata, isActive, deactivatedAt, deactivationReason, expiresAt } = changes
    const set: Array<Fragment> = []
    if (name !== undefined) set.push(sql`name = ${name}::text, name_lower = ${toSimpleLowerCase(name)}::text`)
    if (description !== undefined) set.push(sql`description = ${description}::text`)
    if (ownerId !== undefined) set.push(sql`owner_id = ${ownerId}::text`)
    if (scopes !== undefined) set.push(sql`scopes = ${scopes}::text[]`)
    if (metadata !== undefined) set.push(sql`metadata = ${JSON.stringify(metadata)}::text::jsonb`)
    if (isActive !== undefined) set.push(sql`is_active = ${isActive}::boolean`)
    // What is inactive already keeps when and why it became so.
    const isNews = sql`(is_active OR ${isActive !== false}::boolean)`
    if (deactivatedAt !== undefined)
      set.push(sql`deactivated_at = CASE WHEN ${isNews} THEN ${toDate(deactivatedAt)}::timestamptz ELSE deactivated_at END`)
    if (deactivationReason !== undefined)
      set.push(sql`deactivation_reason = CASE WHEN ${isNews} THEN ${deactivationReason}::text ELSE deactivation_reason END`)
    if (expiresAt !== undefined) set.push(sql`expires_at = ${toDate(expiresAt)}::timestamptz`)
    return set
  }

  // Where the end of a previous token was passed, it stays so.
  const updatedAt = (at: DateTime.Utc): Fragment =>
    sql`updated_at = GREATEST(${toDate(at)}::timestamptz, CASE WHEN previous_expires_at <= updated_at THEN previous_expires_at END)`

  const previousIsLive = (at: DateTime.Utc): Fragment =>
    sql`(previous_key_id IS NOT NULL AND CASE WHEN previous_expires_at IS NULL THEN previous_grace_seconds IS NOT NULL
      ELSE previous_expires_at > GREATEST(${toDate(at)}::timestamptz, updated_at) END)`

  /**
   * What `ApiKeyHasher.scheme` gives of a hash string: its label, and what its algorithm and parameters are. The patterns are parameters, as
   * `standard_conforming_strings` decides what a literal's backslashes mean.
   */
  const schemeOf = (column: "hash" | "previous_hash"): Fragment => {
    const hash = sql.literal(column)
    const label = sql`COALESCE(substring(${hash} FROM ${labelPattern}::text), '')`
    return sql`${label} || COALESCE(substring(substr(${hash}, length(${label}) + 1) FROM ${schemePattern}::text), '')`
  }

  /** One statement for any number of records, which go as an array for each column. */
  const insertMany = (stored: ReadonlyArray<StoredApiKey>): Effect.Effect<ReadonlyArray<boolean>, SqlError> => {
    if (stored.length === 0) return Effect.succeed([])
    // A statement doesn't see what it inserts itself, and an index sees one column.
    const clashes = clashesAmong(stored.map(({ apiKey }) => apiKey))
    const clear = clashes.size === 0 ? stored : stored.filter((_, index) => !clashes.has(index))
    return Effect.map(sql.unsafe<{ ids: string }>(insertText, toArrays(clear)), (rows) => {
      const inserted = new Set(rows.map(({ ids }) => ids))
      // Another one with the same id, or a second one that has all of them, isn't the one that was inserted.
      return stored.map(({ apiKey }, index) => !clashes.has(index) && inserted.delete([apiKey.id, ...keyIdsOf(apiKey)].join(" ")))
    })
  }

  // Its rows hold hashes, which a span would keep.
  const findTaken = (stored: ReadonlyArray<StoredApiKey>): Effect.Effect<ReadonlyArray<Taken>, SqlError | Schema.SchemaError> => {
    const all = stored.map(({ apiKey }) => apiKey)
    const keyIds = all.flatMap(keyIdsOf)
    return sql`SELECT id, key_id, previous_key_id, rotated_at, hash FROM ${keys}
      WHERE id = ANY(${all.map(({ id }) => id)}::uuid[]) OR key_id = ANY(${keyIds}::text[]) OR previous_key_id = ANY(${keyIds}::text[])`.pipe(
      Effect.flatMap(decodeTaken),
      Effect.withTracerEnabled(false),
    )
  }

  return {
    insert: (key) =>
      insertMany([key]).pipe(
        Effect.flatMap(([isInserted]) => (isInserted === true ? Effect.succeed(undefined) : findTaken([key]))),
        Effect.mapError(toRepositoryError("insert", hashesOf(key))),
        Effect.flatMap((taken): Effect.Effect<void, DuplicateKeyId | RepositoryError> => {
          if (taken === undefined) return Effect.void
          return taken.some(({ id }) => id === key.apiKey.id)
            ? Effect.fail(new RepositoryError({ operation: "insert", isRetryable: false, cause: idTaken }))
            : Effect.fail(new DuplicateKeyId({ keyId: key.apiKey.keyId }))
        }),
      ),

    insertMany: (keys) => Effect.mapError(insertMany(keys), toRepositoryError("insert", keys.flatMap(hashesOf))),

    findTaken: (keys) => Effect.mapError(findTaken(keys), toRepositoryError("look for what is taken")),

    findById: (id) => Effect.matchEffect(selectById(id), decodeFirst),

    // What one transaction sees isn't for others to read. A look-up without company needs no batch, which takes as long as the hash does.
    findByKeyId: (keyId) =>
      Effect.contextWith((context: Context.Context<never>) => {
        if (isInTransaction(context)) return lookUpAlone(keyId)
        return isLookingUp ? Effect.request(new LookUp({ keyId }), lookUps) : whileLookingUp(lookUpAlone(keyId))
      }),

    update: (id, changes, { at, ifVersion }) =>
      alone(
        "update",
        sql`UPDATE ${keys} SET ${sql.csv([...assignments(changes), updatedAt(at), sql`version = version + 1`])}
        WHERE ${only(id, ifVersion)} RETURNING ${columns}`.pipe(
          Effect.flatMap(decodeKeys),
          Effect.mapError(toRepositoryError("update")),
          Effect.flatMap(([row]) => (row === undefined ? conflictOrAbsence("update", id, ifVersion) : Effect.succeed(row))),
        ),
      ),

    delete: (id, options) =>
      alone(
        "delete",
        sql`DELETE FROM ${keys} WHERE ${only(id, options?.ifVersion)} RETURNING ${columns}`.pipe(
          Effect.flatMap(decodeKeys),
          Effect.mapError(toRepositoryError("delete")),
          Effect.flatMap(([row]) => (row === undefined ? conflictOrAbsence("delete", id, options?.ifVersion) : Effect.succeed(row))),
        ),
      ),

    search: ({ filter, sort, limit, page }) =>
      Effect.gen(function* (): Effect.fn.Return<
        ReadonlyArray<ApiKey> | { total: number; items: ReadonlyArray<ApiKey> },
        InvalidCursor | RepositoryError
      > {
        if (page._tag === "Offset") return yield* readOffset(filter, sort, limit + 1, page.offset)
        const position = yield* Effect.fromResult(Cursor.decode(page.cursor, sort))
        return yield* position === undefined
          ? readFirst("search", filter, sort, limit + 1)
          : readAfter("search", filter, sort, position, limit + 1)
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
      inBatches<ApiKey, Cursor.Position, RepositoryError>(
        (after) =>
          after === undefined ? readFirst("stream", filter, sort, batchSize) : readAfter("stream", filter, sort, after, batchSize),
        (last) => ({ value: Cursor.sortValue(last, sort), id: last.id }),
      ),

    rotate: (id, { keyId, prefix, hint, hash, previous }, { at, ifVersion }) =>
      alone(
        "rotate",
        sql`UPDATE ${keys} SET key_id = ${keyId}::text, prefix = ${prefix}::text, hint = ${hint}::text, hash = ${Redacted.value(hash)}::text,
          previous_key_id = key_id, previous_hint = hint, previous_hash = hash, previous_last_used_at = NULL,
          previous_expires_at = ${toDate(previous.expiresAt)}::timestamptz, previous_grace_seconds = ${previous.graceSeconds}::int4,
          rotated_at = ${toDate(at)}::timestamptz, updated_at = ${toDate(at)}::timestamptz, version = version + 1
        WHERE ${only(id, ifVersion)} AND NOT EXISTS (SELECT FROM ${keys} AS other WHERE other.previous_key_id = ${keyId}::text)
        RETURNING ${columns}`.pipe(
          Effect.flatMap(decodeKeys),
          Effect.catchIf(
            (error) => isSqlError(error) && error.reason._tag === "UniqueViolation",
            () => Effect.fail(new DuplicateKeyId({ keyId })),
          ),
          Effect.mapError((error) =>
            error._tag === "DuplicateKeyId" ? error : toRepositoryError("rotate", [Redacted.value(hash)])(error),
          ),
          Effect.flatMap(([row]) => (row === undefined ? conflictOrAbsence("rotate", id, ifVersion) : Effect.succeed(row))),
          Effect.catchTag("VersionConflict", (conflict) =>
            Effect.fail(conflict.actual === ifVersion ? new DuplicateKeyId({ keyId }) : conflict),
          ),
        ),
      ),

    endPrevious: (id, { at, keyId, ifVersion }) =>
      alone(
        "end a grace",
        sql`UPDATE ${keys} SET previous_expires_at = ${toDate(at)}::timestamptz, previous_grace_seconds = NULL,
          updated_at = ${toDate(at)}::timestamptz, version = version + 1
        WHERE ${only(id, ifVersion)} AND ${previousIsLive(at)} AND ${keyId === undefined ? sql.literal("TRUE") : sql`previous_key_id = ${keyId}::text`}
        RETURNING ${columns}`.pipe(
          Effect.flatMap((ended) =>
            Effect.map(
              Effect.flatMap(
                ended.length > 0 ? Effect.succeed(ended) : sql`SELECT ${columns} FROM ${keys} WHERE id = ${id}::uuid`,
                decodeKeys,
              ),
              (rows) => rows.map((apiKey) => ({ apiKey, isEnded: ended.length > 0 })),
            ),
          ),
          Effect.mapError(toRepositoryError("end a grace")),
          Effect.flatMap(([row]): Effect.Effect<ApiKey, ApiKeyNotFound | VersionConflict> => {
            if (row === undefined) return Effect.fail(new ApiKeyNotFound({ id }))
            const actual = row.isEnded ? row.apiKey.version - 1 : row.apiKey.version
            return ifVersion === undefined || ifVersion === actual
              ? Effect.succeed(row.apiKey)
              : Effect.fail(new VersionConflict({ id, expected: ifVersion, actual }))
          }),
        ),
      ),

    replaceHash: (id, from, to) => {
      const [old, next] = [Redacted.value(from), Redacted.value(to)]
      return sql`UPDATE ${keys} SET hash = CASE WHEN hash = ${old}::text THEN ${next}::text ELSE hash END,
          previous_hash = CASE WHEN previous_hash = ${old}::text THEN ${next}::text ELSE previous_hash END
        WHERE id = ${id}::uuid AND (hash = ${old}::text OR previous_hash = ${old}::text) RETURNING version`.pipe(
        Effect.map((rows) => rows.length > 0),
        Effect.mapError(toRepositoryError("replace a hash", [old, next])),
      )
    },

    countSchemes: (at) =>
      sql`SELECT ${schemeOf("hash")} AS scheme,
          CASE WHEN ${previousIsLive(at)} THEN ${schemeOf("previous_hash")} END AS "previousScheme", count(*)::int4 AS count
        FROM ${keys} GROUP BY 1, 2 ORDER BY 1, 2`.pipe(
        Effect.flatMap(decodeSchemeCounts),
        Effect.mapError(toRepositoryError("count hashes")),
      ),

    streamStored: (filter) =>
      inBatches<StoredApiKey, Pick<ApiKey, "createdAt" | "id">, RepositoryError>(
        (after) => readStored(filter, after),
        ({ apiKey }) => apiKey,
      ),

    // The rows are locked in the order of their ids, so that two nodes can't wait for each other.
    touch: (uses) =>
      uses.length === 0
        ? Effect.succeed([])
        : alone(
            "touch",
            sql`WITH uses AS (
            SELECT id::uuid AS id, key_id, max(used_at::timestamptz) AS used_at
            FROM unnest(${uses.map(({ id }) => id)}::text[], ${uses.map(({ keyId }) => keyId)}::text[],
              ${uses.map(({ lastUsedAt }) => DateTime.formatIso(lastUsedAt))}::text[]) AS use (id, key_id, used_at)
            GROUP BY 1, 2
          ), known AS (
            SELECT key.id, max(uses.used_at) AS used_at,
              max(uses.used_at) FILTER (WHERE uses.key_id = key.previous_key_id AND uses.used_at >= key.rotated_at) AS previous_used_at,
              min(uses.used_at) FILTER (WHERE uses.key_id = key.key_id) AS current_used_at
            FROM (SELECT id, key_id, previous_key_id, rotated_at FROM ${keys} WHERE id IN (SELECT id FROM uses) ORDER BY id FOR NO KEY UPDATE) AS key
            JOIN uses ON uses.id = key.id GROUP BY key.id
          ), touched AS (
            UPDATE ${keys} AS key SET last_used_at = GREATEST(key.last_used_at, known.used_at),
              previous_last_used_at = GREATEST(key.previous_last_used_at, known.previous_used_at),
              previous_expires_at = CASE WHEN key.previous_grace_seconds IS NOT NULL AND known.current_used_at IS NOT NULL
                THEN LEAST(known.current_used_at + make_interval(secs => key.previous_grace_seconds), key.expires_at, key.previous_expires_at)
                ELSE key.previous_expires_at END,
              previous_grace_seconds = CASE WHEN known.current_used_at IS NULL THEN key.previous_grace_seconds END
            FROM known, ${keys} AS before
            WHERE key.id = known.id AND before.id = known.id AND (
              key.last_used_at IS NULL OR key.last_used_at < known.used_at
              OR key.previous_last_used_at IS NULL AND known.previous_used_at IS NOT NULL OR key.previous_last_used_at < known.previous_used_at
              OR key.previous_grace_seconds IS NOT NULL AND known.current_used_at IS NOT NULL)
            RETURNING before.previous_grace_seconds IS DISTINCT FROM key.previous_grace_seconds AS is_settled, ${sql.literal(columnList.replace(/\w+/g, "key.$&"))}
          ) SELECT ${columns} FROM touched WHERE is_settled`.pipe(Effect.flatMap(decodeKeys), Effect.mapError(toRepositoryError("touch"))),
          ),

    transaction: {
      isOpen: isInTransaction,
      afterCommit: sql.afterCommit,
      // Whoever changes a record holds its lock, and a record that is gone has none.
      isChanging: (id) =>
        sql`WITH free AS (SELECT id FROM ${keys} WHERE id = ${id}::uuid FOR NO KEY UPDATE SKIP LOCKED)
          SELECT (SELECT count(*) FROM ${keys} WHERE id = ${id}::uuid) > (SELECT count(*) FROM free) AS "isChanging"`.pipe(
          Effect.flatMap(decodeChanging),
          Effect.map(([row]) => row?.isChanging ?? false),
          Effect.mapError(toRepositoryError("look whether a key is being changed")),
        ),
    },

    nodeRegister: Register.make(table.nodes, (operation, text, params) =>
      sql.unsafe<Register.Rows[number]>(text, params).pipe(
        Effect.withTracerEnabled(false),
        Effect.mapError(toRepositoryError(operation)),
        // The driver would wait for the end of a statement that is interrupted, on a connection that has gone silent too.
        (statement) => Effect.forkDetach(statement, { startImmediately: true }),
        // Told to end, but not waited for.
        Effect.flatMap((fiber) => Effect.onInterrupt(Fiber.join(fiber), () => Effect.sync(() => fiber.interruptUnsafe()))),
        Effect.timeoutOrElse({
          duration: "5 seconds",
          orElse: () => Effect.fail(new RepositoryError({ operation, isRetryable: true, cause: new Error("The database doesn't answer") })),
        }),
      ),
    ),

    reports: {
      isKnown: (report) =>
        sql`SELECT report FROM ${sql.literal(table.reports)} WHERE report = ${report}::text`.pipe(
          Effect.map((rows) => rows.length > 0),
          Effect.mapError(toRepositoryError("look for a report")),
        ),
      remember: (report, at) =>
        sql`INSERT INTO ${sql.literal(table.reports)} (report, handled_at) VALUES (${report}::text, ${toDate(at)}::timestamptz)
          ON CONFLICT DO NOTHING`.pipe(Effect.asVoid, Effect.mapError(toRepositoryError("remember a report"))),
    },

    // A span keeps what its effect gave, and by a check a weak pepper can be guessed.
    peppers: {
      read: sql`SELECT start, value AS "check", is_assumed AS "isAssumed" FROM ${sql.literal(table.peppers)} ORDER BY start`.pipe(
        Effect.withTracerEnabled(false),
        Effect.flatMap(decodePepperNotes),
        Effect.mapError(toRepositoryError("read which peppers hashes were made under")),
      ),
      note: ({ start, check, isAssumed }, at) =>
        sql`INSERT INTO ${sql.literal(table.peppers)} (start, value, is_assumed, noted_at)
          VALUES (${start}::text, ${check}::text, ${isAssumed}::boolean, ${toDate(at)}::timestamptz) ON CONFLICT DO NOTHING`.pipe(
          Effect.withTracerEnabled(false),
          Effect.asVoid,
          Effect.mapError(toRepositoryError("note which pepper hashes are made under")),
        ),
    },
  }
}

/** Which of the records have a key id that an earlier one has in another place: as its current one, or as its previous one. */
const clashesAmong = (keys: ReadonlyArray<ApiKey>): ReadonlySet<number> => {
  const clashes = new Set<number>()
  const [current, previous] = [new Set<string>(), new Set<string>()]
  for (const [index, { keyId, previous: former }] of keys.entries()) {
    if (previous.has(keyId) || (former !== null && current.has(former.keyId))) {
      clashes.add(index)
      continue
    }
    current.add(keyId)
    if (former !== null) previous.add(former.keyId)
  }
  return clashes
}

/** In milliseconds. What the session's own settings bound more narrowly stays so. */
const longest = 10_000
const boundText = `SELECT set_config(name, '${longest}', true) FROM pg_catalog.pg_settings
  WHERE CASE WHEN name IN ('statement_timeout', 'idle_in_transaction_session_timeout') THEN setting::int8 NOT BETWEEN 1 AND ${longest} END`

const idTaken = new StoreFailure({ reason: "UniqueViolation", sqlState: null, description: "The id is taken" })

const labelPattern = "^\\$pepper=[A-Za-z0-9_-]{1,32}(?=\\$|$)"

class LookUp extends Request.Class<{ readonly keyId: KeyId }, Option.Option<StoredApiKey>, RepositoryError> {}

const batchSize = 500

/** Reads batch after batch, each after the last item of the one before, until one isn't full. */
const inBatches = <A, Position, E>(
  read: (after: Position | undefined) => Effect.Effect<ReadonlyArray<A>, E>,
  positionOf: (item: A) => Position,
): Stream.Stream<A, E> =>
  Stream.paginate(Option.none<Position>(), (after) =>
    Effect.map(read(Option.getOrUndefined(after)), (items) => {
      const last = items.at(-1)
      const next = last !== undefined && items.length === batchSize ? Option.some(Option.some(positionOf(last))) : Option.none()
      return [items, next] as const
    }),
  )

const decodeVersion = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ version: Schema.Int })))
const decodeSchemeCounts = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ scheme: Schema.String, previousScheme: Schema.NullOr(Schema.String), count: Schema.Int })),
)
const decodePepperNotes = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ start: Schema.String, check: Schema.String, isAssumed: Schema.Boolean })),
)
const decodeChanging = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ isChanging: Schema.Boolean })))
const decodeTotal = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ total: Schema.Int })))

function tokenCreated(prefix = ""): string {
  return `COALESCE(${prefix}rotated_at, ${prefix}created_at)`
}

const orderOf = ({ by, order }: Sort) => ({ ...sortColumns[by], direction: order === "asc" ? "ASC" : "DESC" })

const sortColumns = {
  createdAt: { column: "created_at", isNullable: false },
  name: { column: "name", isNullable: false },
  lastUsedAt: { column: "last_used_at", isNullable: true },
  expiresAt: { column: "expires_at", isNullable: true },
  tokenCreatedAt: { column: tokenCreated(), isNullable: false },
} as const

// `NULLS LAST` on a column without nulls would keep its index from being read backwards.
const orderBy = (sort: Sort, prefix = ""): string => {
  const { column, isNullable, direction } = orderOf(sort)
  const value = sort.by === "tokenCreatedAt" ? tokenCreated(prefix) : `${prefix}${column}`
  return `${value} ${direction}${isNullable ? " NULLS LAST" : ""}, ${prefix}id ${direction}`
}

const toDate = <A extends DateTime.Utc | null>(instant: A): Date | null => (instant === null ? null : DateTime.toDateUtc(instant))

/** Connections that break, resources that are used up, and a server that is being stopped or started: all of them pass. */
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

const hashesOf = ({ hash, previousHash }: Pick<StoredApiKey, "hash" | "previousHash">): ReadonlyArray<string> =>
  [hash, previousHash].flatMap((some) => (some === null ? [] : [Redacted.value(some)]))

/** The driver's error and a row that doesn't decode may hold values, hashes among them; only words about them go on. */
const toRepositoryError =
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
