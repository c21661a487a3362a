import { assert } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ApiKey, ApiKeyId } from "../../../ApiKey.ts"
import type { Filter, Page, Queries, Records, StoreSort } from "../../record/contract.ts"
import { set } from "../../../Scope.ts"
import { makeStoredApiKey } from "../fixtures.ts"
import {
  awkwardTexts,
  contractOf,
  encode,
  type FacetContract,
  ids,
  insertWith,
  instant,
  type Methods,
  owner,
  replaceWith,
} from "./suite.ts"

/** The functions that the tests of queries use. @category tests @since 0.1.0 */
export interface QueriesStore extends Queries, Pick<Records, "insert" | "rotate" | "delete"> {}

/** Adds the tests of queries to a suite of one's own. */
export const queriesTests = <R>(it: Methods<R>, store: Effect.Effect<QueriesStore, never, R>): void => {
  const insert = insertWith(store)
  const replace = replaceWith(store)
  const readByCursor = readByCursorWith(store)

  it.effect("finds any text as it is", () =>
    Effect.gen(function* () {
      const repository = yield* store
      for (const text of awkwardTexts) {
        const ownerId = `${text} ${owner()}`
        const { id } = yield* insert({ ownerId, name: `a ${text}` })
        const { items } = yield* repository.search(firstPage({ ownerId, name: text }))
        assert.deepStrictEqual(ids(items), [id])
        const byName = yield* repository.search(firstPage({ ownerId }, { by: "name", order: "asc" }))
        assert.strictEqual(byName.total, 1)
      }
    }),
  )

  it.effect("finds a record by either of its key ids, and by their beginnings", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const first = yield* insert()
      const second = yield* replace(first)
      for (const keyId of [first.keyId, second.keyId]) {
        assert.deepStrictEqual(ids((yield* repository.search(firstPage({ keyId }))).items), [first.id])
        assert.strictEqual(yield* repository.count({ keyId }), 1)
        assert.strictEqual(yield* repository.count({ startsWith: keyId }), 1)
      }
      yield* replace(second)
      assert.strictEqual(yield* repository.count({ keyId: first.keyId }), 0)
    }),
  )

  it.effect("filters by when the current token was made", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const ownerId = owner()
      const old = yield* insert({ ownerId, createdAt: instant(1) })
      const rotated = yield* replace(yield* insert({ ownerId, createdAt: instant(1) }))
      const young = yield* insert({ ownerId, createdAt: instant(9) })
      const found = (filter: Filter) =>
        Effect.map(repository.search(firstPage({ ownerId, ...filter })), ({ items }) => ids(items).toSorted())
      assert.deepStrictEqual(yield* found({ tokenCreatedBefore: instant(5) }), [old.id])
      assert.deepStrictEqual(yield* found({ tokenCreatedAfter: instant(5) }), [rotated.id, young.id].sort())
      assert.deepStrictEqual(yield* found({ tokenCreatedAfter: instant(5), tokenCreatedBefore: instant(6) }), [rotated.id])
    }),
  )

  it.effect("filters by when a key becomes idle, in whatever words its timeout is", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const timeouts: Readonly<Record<string, number>> = {
        "1m": 60,
        "61 seconds": 61,
        "120000 ms": 120,
        "3MINS": 180,
        "1h 1 sec 1000 millis": 3_602,
        "1d12h": 129_600,
        "1 week 1 day": 691_200,
        "2 years": 63_072_000,
        "100y": 3_153_600_000,
      }
      const times: ReadonlyArray<Pick<ApiKey, "createdAt" | "rotatedAt" | "lastUsedAt">> = [
        { createdAt: instant(7), rotatedAt: null, lastUsedAt: null },
        { createdAt: instant(3), rotatedAt: null, lastUsedAt: instant(7) },
        { createdAt: instant(3), rotatedAt: instant(7), lastUsedAt: instant(5) },
      ]
      for (const [idleTimeout, seconds] of Object.entries(timeouts)) {
        for (const each of times) {
          const ownerId = owner()
          yield* insert({ ownerId })
          yield* insert({ ownerId, policies: { other: idleTimeout } })
          const { id } = yield* insert({ ownerId, policies: { idleTimeout }, ...each })
          const found = (filter: Filter) => Effect.map(repository.search(firstPage({ ownerId, ...filter })), ({ items }) => ids(items))
          const at = instant(7 + seconds)
          const after = DateTime.add(at, { milliseconds: 1 })
          assert.deepStrictEqual(yield* found({ idleAfter: at, idleBefore: after }), [id], idleTimeout)
          assert.deepStrictEqual(yield* found({ idleAfter: instant(0) }), [id], idleTimeout)
          assert.deepStrictEqual(yield* found({ idleAfter: after }), [], idleTimeout)
          assert.deepStrictEqual(yield* found({ idleBefore: at }), [], idleTimeout)
        }
      }
      const ownerId = owner()
      const lastSecond = DateTime.makeUnsafe("9999-12-31T23:59:59Z")
      const { id } = yield* insert({ ownerId, policies: { idleTimeout: "100y" }, createdAt: DateTime.makeUnsafe("9990-01-01T00:00:00Z") })
      // A value that isn't one of the policy's, as another version may write, names no moment and keeps no record from being written.
      for (const idleTimeout of ["", "0", "soon", "90", "d", "9999999999999y", "1d1w", "1h 1h", 90, null, { days: 90 }, ["90 days"]]) {
        yield* insert({ ownerId, policies: { idleTimeout } })
      }
      const { items } = yield* repository.search(firstPage({ ownerId, idleAfter: lastSecond }))
      assert.deepStrictEqual(ids(items), [id])
    }),
  )

  it.effect("filters by every field, each alone and together, and counts the same", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const ownerId = owner()
      yield* insert({ ownerId: owner() })
      const a = yield* insert({
        ownerId,
        name: "Deploy 100%",
        scopes: set("r", "w"),
        createdAt: instant(10),
        expiresAt: instant(100),
        lastUsedAt: instant(50),
      })
      const b = yield* insert({
        ownerId,
        name: "backup_job",
        scopes: set("r"),
        createdAt: instant(20),
        isActive: false,
        lastUsedAt: instant(60),
      })
      const c = yield* insert({ ownerId, name: "ÄÖ\\Σίσυφος İ", scopes: set("*"), createdAt: instant(30), expiresAt: instant(200) })
      const cases: ReadonlyArray<readonly [Filter, ReadonlyArray<ApiKey>]> = [
        [{}, [a, b, c]],
        [{ isActive: true }, [a, c]],
        [{ isActive: false }, [b]],
        [{ scopes: [] }, [a, b, c]],
        [{ scopes: ["r"] }, [a, b]],
        [{ scopes: ["w", "r"] }, [a]],
        [{ scopes: ["*"] }, [c]],
        [{ scopes: ["R"] }, []],
        [{ scopes: ["r", "\0"] }, []],
        [{ name: "" }, [a, b, c]],
        [{ name: "DEPLOY" }, [a]],
        [{ name: "%" }, [a]],
        [{ name: "_" }, [b]],
        [{ name: "\\" }, [c]],
        [{ name: "äö" }, [c]],
        [{ name: "ΣΊΣΥΦΟΣ".slice(0, 6) }, [c]],
        [{ name: "İ" }, [a, b, c].filter(({ name }) => /[iİ]/i.test(name))],
        [{ name: "y%1" }, []],
        [{ name: "a\0" }, []],
        [{ name: "\ud800" }, []],
        [{ keyId: b.keyId }, [b]],
        [{ keyId: makeStoredApiKey().apiKey.keyId }, []],
        ...[a.keyId.slice(0, 12), a.keyId.slice(0, -1), b.id.slice(0, 30), b.id.slice(0, -1), b.id.slice(0, 9)].map(
          (startsWith) =>
            [{ startsWith }, [a, b, c].filter(({ id, keyId }) => id.startsWith(startsWith) || keyId.startsWith(startsWith))] as const,
        ),
        [{ startsWith: a.keyId }, [a]],
        [{ startsWith: `${a.keyId}0` }, []],
        [{ startsWith: b.id }, [b]],
        [{ startsWith: `${b.id}0` }, []],
        [{ startsWith: b.id.slice(0, 30).replaceAll("-", "") }, []],
        [{ startsWith: "" }, [a, b, c]],
        [{ startsWith: "~" }, []],
        [{ startsWith: "%" }, []],
        [{ startsWith: "\uffff" }, []],
        [{ createdAfter: instant(20) }, [b, c]],
        [{ createdBefore: instant(20) }, [a]],
        [{ createdAfter: instant(20), createdBefore: instant(30) }, [b]],
        [{ expiresAfter: instant(100) }, [a, c]],
        [{ expiresBefore: instant(200) }, [a]],
        [{ lastUsedAfter: instant(60) }, [b]],
        [{ lastUsedBefore: instant(60) }, [a]],
        [{ neverUsed: true }, [c]],
        [{ neverUsed: false }, [a, b]],
        [{ expired: { is: true, at: instant(100) } }, [a]],
        [{ expired: { is: true, at: instant(99) } }, []],
        [{ expired: { is: false, at: instant(100) } }, [b, c]],
        [{ isActive: true, scopes: ["r"], name: "deploy", neverUsed: false, createdBefore: instant(11) }, [a]],
        [{ isActive: false, scopes: ["w"] }, []],
      ]
      for (const [filter, expected] of cases) {
        const { items, total } = yield* repository.search(firstPage({ ...filter, ownerId }, { by: "createdAt", order: "asc" }))
        assert.deepStrictEqual(ids(items), ids(expected), JSON.stringify(filter))
        assert.deepStrictEqual(
          items.map((key) => encode(key)),
          expected.map((key) => encode(key)),
        )
        assert.strictEqual(total, expected.length)
        assert.strictEqual(yield* repository.count({ ...filter, ownerId }), expected.length)
      }
      assert.strictEqual(yield* repository.count({ ownerId: `${ownerId}\0` }), 0)
    }),
  )

  it.effect(
    "sorts by every field in both directions, ties by id, missing instants last; pages agree by offset, by cursor and as a stream",
    () =>
      Effect.gen(function* () {
        const repository = yield* store
        const ownerId = owner()
        const instants = [null, instant(3), instant(1), instant(3), null, instant(2), null, instant(1)]
        // In the order of UTF-16 the emoji would come before the ligature. In the order of the UTF-8 bytes it comes after.
        const names = ["b", "a", "B", "ä", "z", "a", "😀", "ﬁ"]
        for (const [i, at] of instants.entries()) {
          yield* insert({
            ownerId,
            name: names[i] ?? "",
            createdAt: at ?? instant(9),
            expiresAt: at,
            lastUsedAt: at,
            policies: at === null ? null : { idleTimeout: "2 days" },
          })
        }
        const all = (yield* repository.search(firstPage({ ownerId }))).items
        for (const by of ["createdAt", "name", "lastUsedAt", "expiresAt", "tokenCreatedAt", "idleAt"] as const) {
          for (const order of ["asc", "desc"] as const) {
            const sort: StoreSort = { by, order }
            const expected = ids([...all].sort(naturalOrder(sort)))
            const label = `${by} ${order}`
            const whole = yield* repository.search(firstPage({ ownerId }, sort))
            assert.deepStrictEqual(ids(whole.items), expected, label)
            assert.isNull(whole.nextCursor)
            assert.deepStrictEqual(ids(yield* Stream.runCollect(repository.stream({ ownerId }, sort))), expected, label)
            for (const limit of [1, 3, 8]) {
              const byOffset: Array<Page> = []
              for (let offset = 0; offset < 9; offset += limit) {
                byOffset.push(yield* repository.search({ filter: { ownerId }, sort, limit, page: { _tag: "Offset", offset } }))
              }
              assert.deepStrictEqual(
                byOffset.flatMap(({ items }) => ids(items)),
                expected,
                label,
              )
              assert.isTrue(byOffset.every(({ total }) => total === 8))
              assert.deepStrictEqual(ids(yield* readByCursor({ ownerId }, sort, limit)), expected, label)
            }
          }
        }
        assert.deepInclude(
          yield* repository.search({ filter: { ownerId }, sort: newestFirst, limit: 5, page: { _tag: "Offset", offset: 1_000 } }),
          {
            items: [],
            total: 8,
            nextCursor: null,
          },
        )
        assert.deepStrictEqual(ids(yield* Stream.runCollect(repository.stream({ ownerId }))), ids([...all].sort(naturalOrder(newestFirst))))
      }),
  )

  it.effect("neither repeats nor misses a key by cursor while others come and go", () =>
    Effect.gen(function* () {
      const repository = yield* store
      for (const order of ["asc", "desc"] as const) {
        const ownerId = owner()
        const there: Array<ApiKeyId> = []
        for (let i = 0; i < 10; i++) there.push((yield* insert({ ownerId, createdAt: instant(100 + (i >> 1)) })).id)
        const doomed = yield* insert({ ownerId, createdAt: instant(100) })
        const disturb = (page: number) =>
          Effect.gen(function* () {
            yield* insert({ ownerId, createdAt: instant(0) })
            yield* insert({ ownerId, createdAt: instant(102) })
            yield* insert({ ownerId, createdAt: instant(900) })
            if (page === 0) yield* repository.delete(doomed.id)
          })
        const seen = ids(yield* readByCursor({ ownerId }, { by: "createdAt", order }, 2, disturb))
        assert.strictEqual(new Set(seen).size, seen.length)
        assert.deepStrictEqual(
          there.filter((id) => !seen.includes(id)),
          [],
        )
      }
    }),
  )

  it.effect("refuses cursors of another order and whatever isn't one", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const ownerId = owner()
      yield* insert({ ownerId })
      yield* insert({ ownerId })
      const { nextCursor } = yield* repository.search({
        filter: { ownerId },
        sort: newestFirst,
        limit: 1,
        page: { _tag: "Offset", offset: 0 },
      })
      const good = nextCursor ?? ""
      const forged = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
      const { id } = makeStoredApiKey().apiKey
      const refused: ReadonlyArray<readonly [StoreSort, string]> = [
        [{ by: "createdAt", order: "asc" }, good],
        [{ by: "name", order: "desc" }, good],
        [newestFirst, " "],
        [newestFirst, "{}"],
        [newestFirst, "%00"],
        [newestFirst, `${good}A`.slice(1)],
        [newestFirst, "A".repeat(100_000)],
        [newestFirst, forged(null)],
        [newestFirst, forged(["createdAt", "desc", null, id])],
        [newestFirst, forged(["createdAt", "desc", "'; DROP TABLE api_keys", id])],
        [newestFirst, forged(["createdAt", "desc", 1e300, id])],
        [newestFirst, forged(["createdAt", "desc", -1, id])],
        [newestFirst, forged(["createdAt", "desc", 1, "x"])],
        [{ by: "name", order: "asc" }, forged(["name", "asc", "a\0", id])],
        [{ by: "name", order: "asc" }, forged(["name", "asc", 1, id])],
        [{ by: "expiresAt", order: "asc" }, forged(["expiresAt", "asc", "x", id])],
      ]
      for (const [sort, cursor] of refused) {
        const error = yield* Effect.flip(repository.search({ filter: { ownerId }, sort, limit: 1, page: { _tag: "Cursor", cursor } }))
        assert.strictEqual(error._tag, "InvalidCursor", cursor.slice(0, 80))
      }
      const page = yield* repository.search({ filter: { ownerId }, sort: newestFirst, limit: 1, page: { _tag: "Cursor", cursor: good } })
      assert.strictEqual(page.items.length, 1)
      assert.isNull(page.total)
      assert.isNull(page.nextCursor)
    }),
  )

  it.effect("streams more keys than fit a batch, each once", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const ownerId = owner()
      const inserted = yield* Effect.forEach(
        Array.from({ length: 1_001 }),
        (_, i) => insert({ ownerId, expiresAt: i % 3 === 0 ? null : instant(i % 7) }),
        { concurrency: 8 },
      )
      const expected = ids([...inserted].sort(naturalOrder({ by: "expiresAt", order: "desc" })))
      assert.deepStrictEqual(ids(yield* Stream.runCollect(repository.stream({ ownerId }, { by: "expiresAt", order: "desc" }))), expected)
      assert.strictEqual((yield* Stream.runCollect(Stream.take(repository.stream({ ownerId }), 3))).length, 3)
    }),
  )
}

/**
 * Tests how a store finds many records. The store may hold other keys.
 * @category tests
 * @since 0.1.0
 */
export const queriesContract: FacetContract<QueriesStore> = contractOf("queries", queriesTests)

const newestFirst: StoreSort = { by: "createdAt", order: "desc" }

const firstPage = (filter: Filter, sort: StoreSort = newestFirst) =>
  ({ filter, sort, limit: 200, page: { _tag: "Offset", offset: 0 } }) as const

/** Reads all pages by cursor, and runs `between` after each page but the last. */
const readByCursorWith =
  <R>(store: Effect.Effect<Queries, never, R>) =>
  (filter: Filter, sort: StoreSort, limit: number, between: (page: number) => Effect.Effect<void, unknown, R> = () => Effect.void) =>
    Effect.gen(function* () {
      const repository = yield* store
      const items: Array<ApiKey> = []
      let page = yield* repository.search({ filter, sort, limit, page: { _tag: "Cursor", cursor: "" } })
      for (let i = 0; ; i++) {
        assert.isNull(page.total)
        items.push(...page.items)
        if (page.nextCursor === null || i > 100) return items
        yield* between(i)
        page = yield* repository.search({ filter, sort, limit, page: { _tag: "Cursor", cursor: page.nextCursor } })
      }
    })

/** For timeouts in days. */
const naturalIdleAt = ({ policies, lastUsedAt, rotatedAt, createdAt }: ApiKey): DateTime.Utc | null => {
  const timeout = policies?.["idleTimeout"]
  if (typeof timeout !== "string") return null
  const since = [lastUsedAt, rotatedAt, createdAt].map((at) => at?.epochMilliseconds ?? 0)
  return DateTime.makeUnsafe(Math.max(...since) + Number.parseInt(timeout, 10) * 86_400_000)
}

/** The expected order, written independently of any repository: names by their bytes. */
const naturalOrder = ({ by, order }: StoreSort) => {
  const sign = order === "asc" ? 1 : -1
  const valueOf = (key: ApiKey) => {
    const value = by === "tokenCreatedAt" ? (key.rotatedAt ?? key.createdAt) : by === "idleAt" ? naturalIdleAt(key) : key[by]
    return typeof value === "string" ? Buffer.from(value) : value === null ? null : Buffer.from(DateTime.formatIso(value))
  }
  return (a: ApiKey, b: ApiKey): number => {
    const [x, y] = [valueOf(a), valueOf(b)]
    if (x === null || y === null) return x === y ? sign * (a.id < b.id ? -1 : 1) : x === null ? 1 : -1
    const byValue = Buffer.compare(x, y)
    return sign * (byValue === 0 ? (a.id < b.id ? -1 : 1) : byValue)
  }
}
