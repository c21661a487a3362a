/** A repository in memory, indexed by id, key id and owner. It does what the SQL one does, to the order of ties and nulls. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { ApiKey, type ApiKeyId, type KeyId, status, StoredApiKey } from "../ApiKey.ts"
import { ApiKeyNotFound, DuplicateKeyId, RepositoryError, VersionConflict } from "../ApiKeyError.ts"
import type { ApiKeyRepository, Filter, Sort } from "../ApiKeyRepository.ts"
import * as Cursor from "./cursor.ts"
import { toSimpleLowerCase } from "./lowerCase.ts"

export const make = (defaultSort: Sort): ApiKeyRepository["Service"] => {
  const byId = new Map<ApiKeyId, StoredApiKey>()
  const byKeyId = new Map<KeyId, ApiKeyId>()
  const byOwner = new Map<string, Set<ApiKeyId>>()

  const store = (key: StoredApiKey): void => {
    remove(key.apiKey.id)
    const { id, keyId, ownerId } = key.apiKey
    byId.set(id, key)
    byKeyId.set(keyId, id)
    if (ownerId !== null) byOwner.set(ownerId, (byOwner.get(ownerId) ?? new Set()).add(id))
  }

  const remove = (id: ApiKeyId): void => {
    const known = byId.get(id)
    if (known === undefined) return
    const { keyId, ownerId } = known.apiKey
    byId.delete(id)
    byKeyId.delete(keyId)
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

  const sorted = (filter: Filter, sort: Sort): Array<ApiKey> =>
    select(filter).sort((a, b) => compare(positionOf(a, sort), positionOf(b, sort), sort))

  return {
    insert: (key) =>
      Effect.suspend((): Effect.Effect<void, DuplicateKeyId | RepositoryError> => {
        const { id, keyId, metadata } = key.apiKey
        if (byKeyId.has(keyId)) return Effect.fail(new DuplicateKeyId({ keyId }))
        if (byId.has(id)) return Effect.fail(new RepositoryError({ operation: "insert", isRetryable: false, cause: "The id is taken" }))
        store(new StoredApiKey({ apiKey: new ApiKey({ ...key.apiKey, metadata: copyOf(metadata) }), hash: key.hash }))
        return Effect.void
      }),
    findById: (id) => Effect.sync(() => Option.fromNullishOr(byId.get(id))),
    findByKeyId: (keyId) =>
      Effect.sync(() => Option.flatMap(Option.fromNullishOr(byKeyId.get(keyId)), (id) => Option.fromNullishOr(byId.get(id)))),
    update: (id, changes, { at, ifVersion }) =>
      Effect.suspend(() =>
        Effect.map(find(id, ifVersion), ({ apiKey, hash }) => {
          const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined))
          const metadata = copyOf(changes.metadata ?? apiKey.metadata)
          const changed = new ApiKey({ ...apiKey, ...given, metadata, updatedAt: at, version: apiKey.version + 1 })
          store(new StoredApiKey({ apiKey: changed, hash }))
          return changed
        }),
      ),
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
        const start = page._tag === "Offset" ? page.offset : after(keys, yield* Effect.fromResult(Cursor.decode(page.cursor, sort)), sort)
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
    touch: (uses) =>
      Effect.sync(() => {
        for (const { id, lastUsedAt } of uses) {
          const known = byId.get(id)
          if (known === undefined) continue
          const before = known.apiKey.lastUsedAt
          if (before !== null && !DateTime.isGreaterThan(lastUsedAt, before)) continue
          store(new StoredApiKey({ apiKey: new ApiKey({ ...known.apiKey, lastUsedAt }), hash: known.hash }))
        }
      }),
  }
}

const positionOf = (key: ApiKey, sort: Sort): Cursor.Position => ({ value: Cursor.sortValue(key, sort), id: key.id })

/** How many of the sorted keys come at or before `position`. */
const after = (keys: ReadonlyArray<ApiKey>, position: Cursor.Position, sort: Sort): number => {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    // `middle` lies within the array.
    if (compare(positionOf(keys[middle]!, sort), position, sort) <= 0) low = middle + 1
    else high = middle
  }
  return low
}

/** By value, nulls last in either direction, then by id in the same direction. */
const compare = (a: Cursor.Position, b: Cursor.Position, { order }: Sort): number => {
  const sign = order === "asc" ? 1 : -1
  if (a.value === null || b.value === null) {
    return a.value === b.value ? sign * compareText(a.id, b.id) : a.value === null ? 1 : -1
  }
  const byValue =
    typeof a.value === "string" && typeof b.value === "string" ? compareText(a.value, b.value) : Number(a.value) - Number(b.value)
  return sign * (byValue === 0 ? compareText(a.id, b.id) : byValue)
}

/** By code points, which is the order of UTF-8's bytes and so of `COLLATE "C"`; `<` would put `😀` before `ﬁ`. */
const compareText = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

// Surrogates stand for code points above every other code unit's.
const rank = (unit: number): number => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800)

/** As a database does: what the caller does to the object later doesn't reach the record, and -0 becomes 0. */
const copyOf = (metadata: ApiKey["metadata"]): ApiKey["metadata"] => JSON.parse(JSON.stringify(metadata))

const matches = (key: ApiKey, filter: Filter, name: string | undefined): boolean => {
  const { scopes } = filter
  return (
    (filter.ownerId === undefined || key.ownerId === filter.ownerId) &&
    (filter.isActive === undefined || key.isActive === filter.isActive) &&
    (filter.keyId === undefined || key.keyId === filter.keyId) &&
    (scopes === undefined || scopes.every((scope) => key.scopes.some((held) => held === scope))) &&
    (name === undefined || toSimpleLowerCase(key.name).includes(name)) &&
    within(key.createdAt, filter.createdAfter, filter.createdBefore) &&
    within(key.expiresAt, filter.expiresAfter, filter.expiresBefore) &&
    within(key.lastUsedAt, filter.lastUsedAfter, filter.lastUsedBefore) &&
    (filter.neverUsed === undefined || (key.lastUsedAt === null) === filter.neverUsed) &&
    (filter.expired === undefined ||
      (status({ isActive: true, expiresAt: key.expiresAt }, filter.expired.at) === "expired") === filter.expired.is)
  )
}

const within = (instant: DateTime.Utc | null, from: DateTime.Utc | undefined, before: DateTime.Utc | undefined): boolean =>
  (from === undefined || (instant !== null && DateTime.isGreaterThanOrEqualTo(instant, from))) &&
  (before === undefined || (instant !== null && DateTime.isLessThan(instant, before)))
