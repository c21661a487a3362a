/** A repository in memory, indexed by id, key id and owner. It behaves like the SQL repository, down to the order of ties and nulls. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { ApiKey, type ApiKeyId, keyIdsOf, type KeyId, PreviousToken, status, StoredApiKey } from "../../ApiKey.ts"
import { ApiKeyNotFound, DuplicateKeyId, RepositoryError, TooManyKeys, VersionConflict } from "../../ApiKeyError.ts"
import { scheme } from "../../ApiKeyHasher.ts"
import { type Changes, defaultSort, type Repository, type Filter, type SchemeCount, type StoreSort, type Use } from "./contract.ts"
import * as Cursor from "./cursor.ts"
import { boundsOf, changedFields, isKeptWhileInactive, type JsonField, jsonFields, rangeFields, valueFields, timeOf } from "./fields.ts"
import { isLegacyHash } from "../hash/legacyHash.ts"
import { toSimpleLowerCase } from "../text/lowerCase.ts"
import { foreignId } from "../token/seal.ts"
import * as MemoryReports from "./memoryReports.ts"
import { isPreviousLive } from "./previousToken.ts"

export const make = (): Repository => {
  const byId = new Map<ApiKeyId, StoredApiKey>()
  const byKeyId = new Map<KeyId, ApiKeyId>()
  const byOwner = new Map<string, Set<ApiKeyId>>()

  const store = (key: StoredApiKey): void => {
    remove(key.apiKey.id)
    const { id, ownerId } = key.apiKey
    byId.set(id, key)
    for (const keyId of keyIdsOf(key.apiKey)) byKeyId.set(keyId, id)
    if (ownerId !== null) byOwner.set(ownerId, (byOwner.get(ownerId) ?? new Set()).add(id))
  }

  const remove = (id: ApiKeyId): void => {
    const known = byId.get(id)
    if (known === undefined) return
    const { ownerId } = known.apiKey
    byId.delete(id)
    for (const keyId of keyIdsOf(known.apiKey)) byKeyId.delete(keyId)
    if (ownerId === null) return
    const owned = byOwner.get(ownerId)
    owned?.delete(id)
    if (owned?.size === 0) byOwner.delete(ownerId)
  }

  const find = (id: ApiKeyId, ifVersion: number | undefined): Effect.Effect<StoredApiKey, ApiKeyNotFound | VersionConflict> => {
    const known = byId.get(id)
    if (known === undefined) return Effect.fail(new ApiKeyNotFound({ id }))
    const actual = known.apiKey.version
    return ifVersion === undefined || ifVersion === actual
      ? Effect.succeed(known)
      : Effect.fail(new VersionConflict({ id, expected: ifVersion, actual }))
  }

  /** A key id of the record that another record has. */
  const takenKeyId = ({ apiKey }: StoredApiKey): KeyId | undefined =>
    keyIdsOf(apiKey).find((keyId) => byKeyId.has(keyId) && byKeyId.get(keyId) !== apiKey.id)

  const insert = (key: StoredApiKey): void =>
    store(new StoredApiKey({ ...key, apiKey: new ApiKey({ ...key.apiKey, ...copiesOf(key.apiKey) }) }))

  const insertIfFree = (key: StoredApiKey): Effect.Effect<void, DuplicateKeyId | RepositoryError> => {
    if (byId.has(key.apiKey.id)) {
      return Effect.fail(new RepositoryError({ operation: "insert", isRetryable: false, cause: "The id is taken" }))
    }
    const taken = takenKeyId(key)
    if (taken !== undefined) return Effect.fail(new DuplicateKeyId({ keyId: taken }))
    insert(key)
    return Effect.void
  }

  const change = ({ apiKey, ...hashes }: StoredApiKey, changes: Changes, at: DateTime.Utc): ApiKey => {
    const isNews = apiKey.isActive || changes.isActive !== false
    const given = Object.fromEntries(
      changedFields.flatMap((name) => {
        const isKept = !isNews && isKeptWhileInactive(name)
        return changes[name] === undefined || isKept ? [] : [[name, changes[name]]]
      }),
    )
    // An end of the previous token that was passed stays passed (decision 0022).
    const end = apiKey.previous?.expiresAt ?? null
    const updatedAt = end !== null && DateTime.isLessThanOrEqualTo(end, apiKey.updatedAt) ? DateTime.max(at, end) : at
    const fields = { ...apiKey, ...given, updatedAt, version: apiKey.version + 1 }
    const changed = new ApiKey({ ...fields, ...copiesOf(fields) })
    store(new StoredApiKey({ apiKey: changed, ...hashes }))
    return changed
  }

  const refusal = (ownerId: string | null | undefined, maximum: number): TooManyKeys | undefined =>
    typeof ownerId === "string" && (byOwner.get(ownerId)?.size ?? 0) >= maximum ? new TooManyKeys({ ownerId, maximum }) : undefined

  const candidates = ({ keyId, ownerId }: Filter): Iterable<ApiKeyId> => {
    if (keyId !== undefined) return Array.from(Option.toArray(Option.fromNullishOr(byKeyId.get(keyId))))
    return ownerId === undefined ? byId.keys() : (byOwner.get(ownerId) ?? [])
  }

  const select = (filter: Filter): Array<ApiKey> => {
    const keys: Array<ApiKey> = []
    const name = filter.name === undefined ? undefined : toSimpleLowerCase(filter.name)
    for (const id of candidates(filter)) {
      const key = byId.get(id)?.apiKey
      if (key !== undefined && matches(key, filter, name)) keys.push(key)
    }
    return keys
  }

  const sorted = (filter: Filter, sort: StoreSort): Array<ApiKey> =>
    select(filter).sort((a, b) => compare(positionOf(a, sort), positionOf(b, sort), sort))

  return {
    insert: (key) => Effect.suspend(() => insertIfFree(key)),
    insertMany: (keys) =>
      Effect.sync(() =>
        keys.map((key) => {
          const isFree = !byId.has(key.apiKey.id) && takenKeyId(key) === undefined
          if (isFree) insert(key)
          return isFree
        }),
      ),
    findTaken: (keys) =>
      Effect.sync(() => {
        const ids = new Set(keys.flatMap(({ apiKey }) => [apiKey.id, ...keyIdsOf(apiKey).flatMap((keyId) => byKeyId.get(keyId) ?? [])]))
        return Array.from(ids).flatMap((id) => {
          const known = byId.get(id)
          return known === undefined ? [] : [{ id, keyIds: keyIdsOf(known.apiKey), rotatedAt: known.apiKey.rotatedAt, hash: known.hash }]
        })
      }),
    findById: (id) => Effect.sync(() => Option.fromNullishOr(byId.get(id))),
    findByKeyId: (keyId) =>
      Effect.sync(() => Option.flatMap(Option.fromNullishOr(byKeyId.get(keyId)), (id) => Option.fromNullishOr(byId.get(id)))),
    update: (id, changes, { at, ifVersion }) =>
      Effect.suspend(() => Effect.map(find(id, ifVersion), (known) => change(known, changes, at))),
    rotate: (id, { hash, sealId, previous, ...token }, { at, ifVersion }) =>
      Effect.suspend(() =>
        Effect.flatMap(
          find(id, ifVersion),
          ({ apiKey, hash: previousHash, sealId: previousSealId }): Effect.Effect<ApiKey, DuplicateKeyId> => {
            const { keyId, hint, version } = apiKey
            const rotated = new ApiKey({
              ...apiKey,
              ...token,
              rotatedAt: at,
              previous: new PreviousToken({ ...previous, keyId, hint, lastUsedAt: null }),
              updatedAt: at,
              version: version + 1,
            })
            const key = new StoredApiKey({ apiKey: rotated, hash, previousHash, sealId, previousSealId })
            const taken = takenKeyId(key)
            if (taken !== undefined) return Effect.fail(new DuplicateKeyId({ keyId: taken }))
            store(key)
            return Effect.succeed(rotated)
          },
        ),
      ),
    endPrevious: (id, { at, keyId, ifVersion }) =>
      Effect.suspend(() =>
        Effect.map(find(id, ifVersion), ({ apiKey, ...hashes }) => {
          const { previous } = apiKey
          if (previous === null || !isPreviousLive(apiKey, at.epochMilliseconds)) return { apiKey, isEnded: false }
          if (keyId !== undefined && keyId !== previous.keyId) return { apiKey, isEnded: false }
          const ended = new ApiKey({
            ...apiKey,
            previous: new PreviousToken({ ...previous, expiresAt: at, graceSeconds: null }),
            updatedAt: at,
            version: apiKey.version + 1,
          })
          store(new StoredApiKey({ apiKey: ended, ...hashes }))
          return { apiKey: ended, isEnded: true }
        }),
      ),
    replaceHash: (id, from, to) =>
      Effect.sync(() => {
        const known = byId.get(id)
        if (known === undefined) return false
        const isFrom = (hash: Redacted.Redacted | null): boolean => hash !== null && Redacted.value(hash) === Redacted.value(from)
        const { hash, previousHash, sealId, previousSealId } = known
        const sealIdAfter = (isReplaced: boolean, before: string | null) => (isReplaced && isLegacyHash(from) ? foreignId : before)
        if (!isFrom(hash) && !isFrom(previousHash)) return false
        store(
          new StoredApiKey({
            ...known,
            hash: isFrom(hash) ? to : hash,
            previousHash: isFrom(previousHash) ? to : previousHash,
            sealId: sealIdAfter(isFrom(hash), sealId),
            previousSealId: sealIdAfter(isFrom(previousHash), previousSealId),
          }),
        )
        return true
      }),
    countSchemes: (at) =>
      Effect.sync(() => {
        const counts = new Map<string, SchemeCount>()
        const schemeOf = (hash: Redacted.Redacted) => scheme(Redacted.value(hash))
        for (const { apiKey, hash, previousHash } of byId.values()) {
          const isNeeded = previousHash !== null && isPreviousLive(apiKey, at.epochMilliseconds)
          const schemes = { scheme: schemeOf(hash), previousScheme: isNeeded ? schemeOf(previousHash) : null }
          const name = JSON.stringify(schemes)
          counts.set(name, { ...schemes, count: (counts.get(name)?.count ?? 0) + 1 })
        }
        return Array.from(counts.values())
      }),
    countSeals: (at) =>
      Effect.sync(() => {
        const counts = new Map<string | null, number>()
        for (const { apiKey, hash, previousHash, sealId, previousSealId } of byId.values()) {
          if (status(apiKey, at) !== "active") continue
          const tokens = [{ hash, sealId }]
          if (previousHash !== null && isPreviousLive(apiKey, at.epochMilliseconds))
            tokens.push({ hash: previousHash, sealId: previousSealId })
          for (const token of tokens) if (!isLegacyHash(token.hash)) counts.set(token.sealId, (counts.get(token.sealId) ?? 0) + 1)
        }
        return Array.from(counts, ([sealId, count]) => ({ sealId, count }))
      }),
    delete: (id, options) =>
      Effect.suspend(() =>
        Effect.map(find(id, options?.ifVersion), ({ apiKey }) => {
          remove(id)
          return apiKey
        }),
      ),
    search: ({ filter, sort, limit, page }) =>
      Effect.gen(function* () {
        const keys = sorted(filter, sort)
        const position = page._tag === "Offset" ? undefined : yield* Effect.fromResult(Cursor.decode(page.cursor, sort))
        const start = position === undefined ? (page._tag === "Offset" ? page.offset : 0) : after(keys, position, sort)
        const items = keys.slice(start, start + limit)
        const last = items.at(-1)
        return {
          items,
          total: page._tag === "Offset" ? keys.length : null,
          nextCursor: last !== undefined && keys.length > start + limit ? Cursor.encode(last, sort) : null,
        }
      }),
    count: (filter) => Effect.sync(() => select(filter).length),
    stream: (filter, sort = defaultSort) => Stream.suspend(() => Stream.fromIterable(sorted(filter, sort))),
    streamStored: (filter) =>
      Stream.suspend(() =>
        Stream.fromIterable(
          sorted(filter, { by: "createdAt", order: "asc" }).flatMap(({ id }) => Option.toArray(Option.fromNullishOr(byId.get(id)))),
        ),
      ),
    touch: (uses) =>
      Effect.sync(() => {
        const settled = new Set<ApiKeyId>()
        for (const use of uses) {
          const known = byId.get(use.id)
          if (known === undefined) continue
          const previous = withUse(known.apiKey, use)
          const apiKey = new ApiKey({ ...known.apiKey, lastUsedAt: latest(known.apiKey.lastUsedAt, use.lastUsedAt), previous })
          store(new StoredApiKey({ ...known, apiKey }))
          if (known.apiKey.previous?.graceSeconds !== previous?.graceSeconds) settled.add(apiKey.id)
        }
        return Array.from(settled).flatMap((id) => byId.get(id)?.apiKey ?? [])
      }),
    reports: MemoryReports.make(),
    // No other fiber runs between the count and the write.
    ownerBounds: {
      insert: (key, maximum) =>
        Effect.suspend((): Effect.Effect<void, TooManyKeys | DuplicateKeyId | RepositoryError> => {
          const refused = refusal(key.apiKey.ownerId, maximum)
          return refused === undefined ? insertIfFree(key) : Effect.fail(refused)
        }),
      update: (id, changes, { at, ifVersion, maximum }) =>
        Effect.suspend(() =>
          Effect.flatMap(find(id, ifVersion), (known): Effect.Effect<ApiKey, TooManyKeys> => {
            const refused = changes.ownerId === known.apiKey.ownerId ? undefined : refusal(changes.ownerId, maximum)
            return refused === undefined ? Effect.succeed(change(known, changes, at)) : Effect.fail(refused)
          }),
        ),
    },
    isExclusive: true,
  }
}

const latest = (known: DateTime.Utc | null, at: DateTime.Utc): DateTime.Utc =>
  known === null || DateTime.isGreaterThan(at, known) ? at : known

/** The previous token after a use of itself, or after the first use of the token that replaced it. */
const withUse = ({ keyId, previous, expiresAt, rotatedAt }: ApiKey, use: Use): PreviousToken | null => {
  if (previous === null) return null
  if (use.keyId === previous.keyId && rotatedAt !== null && DateTime.isLessThan(use.lastUsedAt, rotatedAt)) return previous
  if (use.keyId === previous.keyId) return new PreviousToken({ ...previous, lastUsedAt: latest(previous.lastUsedAt, use.lastUsedAt) })
  if (use.keyId !== keyId || previous.graceSeconds === null) return previous
  const end = DateTime.add(use.lastUsedAt, { seconds: previous.graceSeconds })
  const earliest = [expiresAt, previous.expiresAt].reduce<DateTime.Utc>((at, other) => (other === null ? at : DateTime.min(at, other)), end)
  return new PreviousToken({ ...previous, expiresAt: earliest, graceSeconds: null })
}

const positionOf = (key: ApiKey, sort: StoreSort): Cursor.Position => ({ value: Cursor.sortValue(key, sort), id: key.id })

/** The number of sorted keys at or before `position`. */
const after = (keys: ReadonlyArray<ApiKey>, position: Cursor.Position, sort: StoreSort): number => {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    // `middle` lies within the array, so there is a key.
    if (compare(positionOf(keys[middle]!, sort), position, sort) <= 0) low = middle + 1
    else high = middle
  }
  return low
}

/** Compares by value, with nulls last in either direction, then by id in the same direction. */
const compare = (a: Cursor.Position, b: Cursor.Position, { order }: StoreSort): number => {
  const sign = order === "asc" ? 1 : -1
  if (a.value === null || b.value === null) {
    return a.value === b.value ? sign * compareText(a.id, b.id) : a.value === null ? 1 : -1
  }
  const byValue =
    typeof a.value === "string" && typeof b.value === "string" ? compareText(a.value, b.value) : Number(a.value) - Number(b.value)
  return sign * (byValue === 0 ? compareText(a.id, b.id) : byValue)
}

/** Compares by code points: the order of the UTF-8 bytes, and so of `COLLATE "C"`. The operator `<` would put `😀` before `ﬁ`. */
const compareText = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

// Surrogates stand for code points above those of all other code units.
const rank = (unit: number): number => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800)

/** Copies the fields of JSON, as a database does. Later changes of the caller's object don't reach the record, and -0 becomes 0. */
const copiesOf = (fields: Pick<ApiKey, JsonField>): Pick<ApiKey, JsonField> =>
  // Each field of JSON is copied, and JSON keeps the types of its values. So the cast holds.
  Object.fromEntries(jsonFields.map((name) => [name, JSON.parse(JSON.stringify(fields[name]))])) as Pick<ApiKey, JsonField>

const matches = (key: ApiKey, filter: Filter, name: string | undefined): boolean => {
  const { scopes, startsWith } = filter
  return (
    valueFields.every((field) => filter[field] === undefined || key[field] === filter[field]) &&
    (filter.keyId === undefined || keyIdsOf(key).includes(filter.keyId)) &&
    (startsWith === undefined || [key.id, ...keyIdsOf(key)].some((each) => each.startsWith(startsWith))) &&
    (scopes === undefined || scopes.every((scope) => key.scopes.some((held) => held === scope))) &&
    (name === undefined || toSimpleLowerCase(key.name).includes(name)) &&
    rangeFields.every((field) => {
      const [after, before] = boundsOf(field)
      const isBounded = filter[after] !== undefined || filter[before] !== undefined
      return !isBounded || within(timeOf(key, field), filter[after], filter[before])
    }) &&
    (filter.neverUsed === undefined || (key.lastUsedAt === null) === filter.neverUsed) &&
    (filter.expired === undefined ||
      (status({ isActive: true, expiresAt: key.expiresAt }, filter.expired.at) === "expired") === filter.expired.is)
  )
}

const within = (instant: DateTime.Utc | null, from: DateTime.Utc | undefined, before: DateTime.Utc | undefined): boolean =>
  (from === undefined || (instant !== null && DateTime.isGreaterThanOrEqualTo(instant, from))) &&
  (before === undefined || (instant !== null && DateTime.isLessThan(instant, before)))
