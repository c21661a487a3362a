import { assert, layer as describeWith } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { ApiKey, type ApiKeyId, KeyId, StoredApiKey } from "../ApiKey.ts"
import { ApiKeyRepository, type Filter, type Page, type Sort } from "../ApiKeyRepository.ts"
import { set } from "../Scope.ts"
import * as arbitraries from "./arbitraries.ts"
import { makeStoredApiKey } from "./fixtures.ts"

/**
 * Tests what `ApiKeyRepository` promises. The store may hold other keys: every test looks only at an owner of its own.
 * @category tests
 * @since 0.1.0
 */
export const repositoryContract = <E>(name: string, layer: Layer.Layer<ApiKeyRepository, E>): void => {
  describeWith(layer)(`ApiKeyRepository on ${name}`, (it) => {
    it.effect.prop(
      "finds what was inserted, unchanged, by id and by key id",
      { key: arbitraries.storedApiKey },
      ({ key: generated }) =>
        Effect.gen(function* () {
          const repository = yield* ApiKeyRepository
          // Shrinking tries one id again and again.
          const { id, keyId } = makeStoredApiKey().apiKey
          const key = new StoredApiKey({ apiKey: new ApiKey({ ...generated.apiKey, id, keyId }), hash: generated.hash })
          yield* repository.insert(key)
          assert.deepStrictEqual(Option.map(yield* repository.findById(key.apiKey.id), plain), Option.some(plain(key)))
          assert.deepStrictEqual(Option.map(yield* repository.findByKeyId(key.apiKey.keyId), plain), Option.some(plain(key)))
          yield* repository.delete(key.apiKey.id)
        }),
      { arbitrary: { runs: 60 } },
    )

    it.effect("finds nothing that isn't there", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const { id, keyId } = makeStoredApiKey().apiKey
        assert.isTrue(Option.isNone(yield* repository.findById(id)))
        assert.isTrue(Option.isNone(yield* repository.findByKeyId(keyId)))
      }),
    )

    it.effect("refuses a key id that is taken, and keeps the first", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const first = makeStoredApiKey({ name: "first" })
        const { keyId } = first.apiKey
        yield* repository.insert(first)
        assert.deepInclude(yield* Effect.flip(repository.insert(makeStoredApiKey({ keyId, name: "second" }))), {
          _tag: "DuplicateKeyId",
          keyId,
        })
        assert.deepStrictEqual(Option.map(yield* repository.findByKeyId(keyId), plain), Option.some(plain(first)))
      }),
    )

    it.effect("lets one of many concurrent insertions of a key id through", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const { keyId } = makeStoredApiKey().apiKey
        const exits = yield* Effect.forEach(Array.from({ length: 10 }), () => Effect.exit(repository.insert(makeStoredApiKey({ keyId }))), {
          concurrency: "unbounded",
        })
        assert.strictEqual(exits.filter(({ _tag }) => _tag === "Success").length, 1)
      }),
    )

    it.effect("refuses an id that is taken", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const key = yield* insert()
        assert.deepInclude(yield* Effect.flip(repository.insert(makeStoredApiKey({ id: key.id }))), {
          _tag: "RepositoryError",
          isRetryable: false,
        })
      }),
    )

    it.effect("compares key ids and hashes byte by byte", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const stem = makeStoredApiKey().apiKey.keyId
        const [lower, upper] = [KeyId.make(`a${stem}`), KeyId.make(`A${stem}`)]
        yield* repository.insert(makeStoredApiKey({ keyId: lower, hash: "aB" }))
        assert.isTrue(Option.isNone(yield* repository.findByKeyId(upper)))
        yield* repository.insert(makeStoredApiKey({ keyId: upper, hash: "Ab" }))
        assert.deepStrictEqual(
          Option.map(yield* repository.findByKeyId(lower), ({ hash }) => Redacted.value(hash)),
          Option.some("aB"),
        )
        assert.deepStrictEqual(
          Option.map(yield* repository.findByKeyId(upper), ({ hash }) => Redacted.value(hash)),
          Option.some("Ab"),
        )
      }),
    )

    it.effect("stores any text as it is", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        for (const text of awkwardTexts) {
          const key = makeStoredApiKey({
            name: text,
            description: text,
            ownerId: text,
            metadata: { [text]: [text, { text }] },
            hash: text,
            hint: text,
            prefix: text,
          })
          yield* repository.insert(key)
          assert.deepStrictEqual(Option.map(yield* repository.findById(key.apiKey.id), plain), Option.some(plain(key)))
          const { items } = yield* repository.search(firstPage({ ownerId: text, name: text }))
          assert.deepStrictEqual(ids(items), [key.apiKey.id])
          const { apiKey } = makeStoredApiKey({ name: `${text}2`, description: text })
          const updated = yield* repository.update(
            key.apiKey.id,
            { name: apiKey.name, description: text, ownerId: text },
            { at: instant(1) },
          )
          assert.strictEqual(updated.name, `${text}2`)
          const cursorPage = yield* repository.search(firstPage({ ownerId: text }, { by: "name", order: "asc" }))
          assert.strictEqual(cursorPage.total, 1)
        }
      }),
    )

    it.effect("updates the fields given, the version and the time, and nothing else", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const before = yield* insert({
          name: "n",
          description: "d",
          ownerId: owner(),
          scopes: set("a"),
          metadata: { a: 1 },
          expiresAt: instant(5),
        })
        const changes = [
          { name: "other" },
          { description: null },
          { ownerId: null },
          { scopes: set("b", "c:*") },
          { metadata: { b: [1, null, { c: "x" }] } },
          { isActive: false },
          { expiresAt: null },
          { expiresAt: instant(9), description: "again", ownerId: owner(), scopes: [] },
          {},
        ]
        let expected = before
        for (const [i, change] of changes.entries()) {
          const at = instant(100 + i)
          expected = new ApiKey({ ...expected, ...change, updatedAt: at, version: expected.version + 1 })
          assert.deepStrictEqual(encode(yield* repository.update(before.id, change, { at })), encode(expected))
          assert.deepStrictEqual(encode(yield* get(before.id)), encode(expected))
        }
      }),
    )

    it.effect("updates and deletes only at the version asked for", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const { id } = yield* insert()
        const at = instant(1)
        yield* repository.update(id, { name: "two" }, { at, ifVersion: 1 })
        const conflict = { _tag: "VersionConflict", id, expected: 1, actual: 2 } as const
        assert.deepInclude(yield* Effect.flip(repository.update(id, { name: "three" }, { at, ifVersion: 1 })), conflict)
        assert.deepInclude(yield* Effect.flip(repository.delete(id, { ifVersion: 1 })), conflict)
        assert.strictEqual((yield* get(id)).name, "two")
        yield* repository.delete(id, { ifVersion: 2 })
        const absence = { _tag: "ApiKeyNotFound", id } as const
        for (const ifVersion of [undefined, 1]) {
          assert.deepInclude(yield* Effect.flip(repository.update(id, {}, { at, ifVersion })), absence)
          assert.deepInclude(yield* Effect.flip(repository.delete(id, { ifVersion })), absence)
        }
      }),
    )

    it.effect("keeps both of two concurrent updates of different fields", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const { id } = yield* insert()
        yield* Effect.all(
          [
            repository.update(id, { name: "renamed" }, { at: instant(1) }),
            repository.update(id, { isActive: false }, { at: instant(1) }),
            repository.touch([{ id, lastUsedAt: instant(7) }]),
          ],
          { concurrency: "unbounded" },
        )
        assert.deepInclude(encode(yield* get(id)), {
          name: "renamed",
          isActive: false,
          version: 3,
          lastUsedAt: DateTime.formatIso(instant(7)),
        })
      }),
    )

    it.effect("lets one of many concurrent updates at a version through", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const { id } = yield* insert()
        const exits = yield* Effect.forEach(
          Array.from({ length: 8 }),
          (_, i) => Effect.exit(repository.update(id, { name: `n${i}` }, { at: instant(1), ifVersion: 1 })),
          { concurrency: "unbounded" },
        )
        assert.strictEqual(exits.filter(({ _tag }) => _tag === "Success").length, 1)
        assert.strictEqual((yield* get(id)).version, 2)
      }),
    )

    it.effect("forgets a deleted key, whose key id is free again", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const { id, keyId } = yield* insert()
        yield* repository.delete(id)
        assert.isTrue(Option.isNone(yield* repository.findByKeyId(keyId)))
        yield* insert({ keyId })
      }),
    )

    it.effect("moves the last use forward, never back, and changes nothing else", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const fresh = yield* insert()
        const used = yield* insert({ lastUsedAt: instant(50) })
        const ahead = yield* insert({ lastUsedAt: instant(500) })
        const unknown = makeStoredApiKey().apiKey.id
        const at = [fresh.id, used.id, ahead.id, unknown].map((id) => ({ id, lastUsedAt: instant(100) }))
        yield* repository.touch([...at, { id: used.id, lastUsedAt: instant(120) }, { id: used.id, lastUsedAt: instant(110) }])
        yield* repository.touch([])
        assert.deepStrictEqual(encode(yield* get(fresh.id)), encode(new ApiKey({ ...fresh, lastUsedAt: instant(100) })))
        assert.deepStrictEqual(encode(yield* get(used.id)), encode(new ApiKey({ ...used, lastUsedAt: instant(120) })))
        assert.deepStrictEqual(encode(yield* get(ahead.id)), encode(ahead))
        assert.isTrue(Option.isNone(yield* repository.findById(unknown)))
      }),
    )

    it.effect("filters by every field, each alone and together, and counts the same", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
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
          const repository = yield* ApiKeyRepository
          const ownerId = owner()
          const instants = [null, instant(3), instant(1), instant(3), null, instant(2), null, instant(1)]
          // UTF-16 would put the emoji before the ligature.
          const names = ["b", "a", "B", "ä", "z", "a", "😀", "ﬁ"]
          for (const [i, at] of instants.entries()) {
            yield* insert({ ownerId, name: names[i] ?? "", createdAt: at ?? instant(9), expiresAt: at, lastUsedAt: at })
          }
          const all = (yield* repository.search(firstPage({ ownerId }))).items
          for (const by of ["createdAt", "name", "lastUsedAt", "expiresAt"] as const) {
            for (const order of ["asc", "desc"] as const) {
              const sort: Sort = { by, order }
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
          assert.deepStrictEqual(
            ids(yield* Stream.runCollect(repository.stream({ ownerId }))),
            ids([...all].sort(naturalOrder(newestFirst))),
          )
        }),
    )

    it.effect("neither repeats nor misses a key by cursor while others come and go", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
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
        const repository = yield* ApiKeyRepository
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
        const refused: ReadonlyArray<readonly [Sort, string]> = [
          [{ by: "createdAt", order: "asc" }, good],
          [{ by: "name", order: "desc" }, good],
          [newestFirst, ""],
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
        const repository = yield* ApiKeyRepository
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
  })
}

const newestFirst: Sort = { by: "createdAt", order: "desc" }

const awkwardTexts = [
  "'; DROP TABLE api_keys; --",
  `"quoted" 'single' \`back\``,
  "\\ %_ $1 $$ :x ?",
  '{a,b} NULL {"x"}',
  "line\nbreak\ttab",
  "😀 ﬁ é ü ẞ İ",
  "\u202eright to left",
  "null",
]

const instant = (seconds: number): DateTime.Utc => DateTime.makeUnsafe(1_767_225_600_000 + seconds * 1_000)

let owners = 0
const owner = (): string => `owner-${owners++}-${Math.random()}`

const insert = (overrides: Partial<ApiKey> = {}) =>
  Effect.gen(function* () {
    const repository = yield* ApiKeyRepository
    const key = makeStoredApiKey(overrides)
    yield* repository.insert(key)
    return key.apiKey
  })

const get = (id: ApiKeyId) =>
  Effect.gen(function* () {
    const repository = yield* ApiKeyRepository
    return (yield* Effect.fromOption(yield* repository.findById(id))).apiKey
  })

const firstPage = (filter: Filter, sort: Sort = newestFirst) => ({ filter, sort, limit: 200, page: { _tag: "Offset", offset: 0 } }) as const

const readByCursor = (
  filter: Filter,
  sort: Sort,
  limit: number,
  between: (page: number) => Effect.Effect<void, unknown, ApiKeyRepository> = () => Effect.void,
) =>
  Effect.gen(function* () {
    const repository = yield* ApiKeyRepository
    const items: Array<ApiKey> = []
    let page = yield* repository.search({ filter, sort, limit, page: { _tag: "Offset", offset: 0 } })
    for (let i = 0; ; i++) {
      items.push(...page.items)
      if (page.nextCursor === null || i > 100) return items
      yield* between(i)
      page = yield* repository.search({ filter, sort, limit, page: { _tag: "Cursor", cursor: page.nextCursor } })
    }
  })

const ids = (keys: ReadonlyArray<ApiKey>): ReadonlyArray<ApiKeyId> => keys.map(({ id }) => id)

/** The order written another way than in any repository: names by their bytes. */
const naturalOrder = ({ by, order }: Sort) => {
  const sign = order === "asc" ? 1 : -1
  const valueOf = (key: ApiKey) => {
    const value = key[by]
    return typeof value === "string" ? Buffer.from(value) : value === null ? null : Buffer.from(DateTime.formatIso(value))
  }
  return (a: ApiKey, b: ApiKey): number => {
    const [x, y] = [valueOf(a), valueOf(b)]
    if (x === null || y === null) return x === y ? sign * (a.id < b.id ? -1 : 1) : x === null ? 1 : -1
    const byValue = Buffer.compare(x, y)
    return sign * (byValue === 0 ? (a.id < b.id ? -1 : 1) : byValue)
  }
}

const encode = Schema.encodeSync(ApiKey)

// JSON has no -0.
const plain = ({ apiKey, hash }: StoredApiKey): unknown => JSON.parse(JSON.stringify({ ...encode(apiKey), hash: Redacted.value(hash) }))
