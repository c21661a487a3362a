import { assert } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { ApiKey } from "../../../ApiKey.ts"
import { scheme } from "../../../ApiKeyHasher.ts"
import type { LookUps, Records, Supports, Upkeep } from "../../record/contract.ts"
import { makeStoredApiKey } from "../fixtures.ts"
import { contractOf, encode, type FacetContract, getWith, insertWith, instant, iso, type Methods, owner, replaceWith } from "./suite.ts"

/** The functions that the tests of upkeep use. @category tests @since 0.1.0 */
export interface UpkeepStore
  extends Upkeep, Pick<Records, "insert" | "rotate" | "update">, Pick<LookUps, "findById">, Pick<Supports, "kinds"> {}

/** Adds the tests of upkeep to a suite of one's own. */
export const upkeepTests = <R>(it: Methods<R>, store: Effect.Effect<UpkeepStore, never, R>): void => {
  const insert = insertWith(store)
  const get = getWith(store)
  const replace = replaceWith(store)

  it.effect("keeps both of two concurrent updates of different fields", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const { id, keyId } = yield* insert()
      yield* Effect.all(
        [
          repository.update(id, { name: "renamed" }, { at: instant(1) }),
          repository.update(id, { isActive: false }, { at: instant(1) }),
          repository.touch([{ id, keyId, lastUsedAt: instant(7) }]),
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

  it.effect("notes the use of either token, and lets the grace begin with the first use of the new one", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const before = yield* insert({ expiresAt: instant(200_000) })
      const waiting = { expiresAt: null, graceSeconds: 100 }
      const rotated = yield* replace(before, { previous: waiting })
      const previousUse = { id: rotated.id, keyId: before.keyId, lastUsedAt: instant(10_000) }
      // A use from before the rotation, written late, doesn't count as a use of the previous token.
      yield* repository.touch([{ ...previousUse, lastUsedAt: instant(4) }])
      assert.deepInclude((yield* get(rotated.id)).previous, { ...waiting, lastUsedAt: null })
      assert.deepStrictEqual(yield* repository.touch([previousUse]), [])
      assert.deepInclude(encode(yield* get(rotated.id)), { lastUsedAt: iso(10_000) })
      assert.deepInclude((yield* get(rotated.id)).previous, { ...waiting, lastUsedAt: instant(10_000) })
      const use = { id: rotated.id, keyId: rotated.keyId, lastUsedAt: instant(20_000) }
      const settled = yield* repository.touch([use, { ...previousUse, lastUsedAt: instant(30_000) }])
      assert.deepStrictEqual(
        settled.map((settledKey) => encode(settledKey)),
        [encode(yield* get(rotated.id))],
      )
      assert.deepInclude(encode(settled[0]!), { lastUsedAt: iso(30_000), version: rotated.version })
      const { previous } = settled[0]!
      assert.deepInclude(previous, { expiresAt: instant(20_100), graceSeconds: null, lastUsedAt: instant(30_000) })
      assert.deepStrictEqual(yield* repository.touch([{ ...use, lastUsedAt: instant(40_000) }]), [])
      assert.deepStrictEqual((yield* get(rotated.id)).previous, previous)
      yield* repository.touch([{ ...previousUse, lastUsedAt: instant(35_000) }])
      assert.deepInclude(encode(yield* get(rotated.id)), { lastUsedAt: iso(40_000) })
      assert.deepInclude((yield* get(rotated.id)).previous, { lastUsedAt: instant(35_000) })
      // The grace ends with the key's own expiry at the latest.
      const again = yield* replace(yield* get(rotated.id), { previous: waiting })
      const [last] = yield* repository.touch([{ id: again.id, keyId: again.keyId, lastUsedAt: instant(199_950) }])
      assert.deepStrictEqual(last?.previous?.expiresAt, instant(200_000))
    }),
  )

  it.effect("moves the last use forward, never back, and changes nothing else", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const fresh = yield* insert()
      const used = yield* insert({ lastUsedAt: instant(50) })
      const ahead = yield* insert({ lastUsedAt: instant(500) })
      const unknown = makeStoredApiKey().apiKey
      const at = [fresh, used, ahead, unknown].map(({ id, keyId }) => ({ id, keyId, lastUsedAt: instant(100) }))
      const { id, keyId } = used
      yield* repository.touch([...at, { id, keyId, lastUsedAt: instant(120) }, { id, keyId, lastUsedAt: instant(110) }])
      assert.deepStrictEqual(yield* repository.touch([]), [])
      assert.deepStrictEqual(encode(yield* get(fresh.id)), encode(new ApiKey({ ...fresh, lastUsedAt: instant(100) })))
      assert.deepStrictEqual(encode(yield* get(used.id)), encode(new ApiKey({ ...used, lastUsedAt: instant(120) })))
      assert.deepStrictEqual(encode(yield* get(ahead.id)), encode(ahead))
      assert.isTrue(Option.isNone(yield* repository.findById(unknown.id)))
    }),
  )

  it.effect("replaces a hash only while it is there, and nothing else", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const rotated = yield* replace(yield* insert({ hash: "old" }), { hash: "new" })
      const { id } = rotated
      const hashes = Effect.map(repository.findById(id), (stored) => {
        const { hash, previousHash } = Option.getOrThrow(stored)
        return [Redacted.value(hash), previousHash === null ? null : Redacted.value(previousHash)]
      })
      const put = (from: string, to: string) => repository.replaceHash(id, Redacted.make(from), Redacted.make(to))
      assert.isFalse(yield* put("other", "x"))
      assert.isTrue(yield* put("new", "newer"))
      assert.isFalse(yield* put("new", "newest"))
      assert.deepStrictEqual(yield* hashes, ["newer", "old"])
      assert.isTrue(yield* put("old", "older"))
      assert.deepStrictEqual(yield* hashes, ["newer", "older"])
      assert.isFalse(yield* repository.replaceHash(makeStoredApiKey().apiKey.id, Redacted.make("newer"), Redacted.make("x")))
      assert.deepStrictEqual(encode(yield* get(id)), encode(rotated))
    }),
  )

  it.effect("notes that a token needs no seal when the hash of another system is replaced", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const read = yield* insert({ hash: "$legacy-theirs$x" })
      const seals = () =>
        Effect.map(repository.findById(read.id), (found) => {
          const { sealId, previousSealId } = Option.getOrThrow(found)
          return [sealId, previousSealId]
        })
      const put = (from: string, to: string) => repository.replaceHash(read.id, Redacted.make(from), Redacted.make(to))
      assert.isTrue(yield* put("$legacy-theirs$x", "$ours$x"))
      assert.deepStrictEqual(yield* seals(), ["other", null])
      assert.isTrue(yield* put("$ours$x", "$ours$y"))
      assert.deepStrictEqual(yield* seals(), ["other", null])
      yield* replace(read, { hash: "$legacy-theirs$z" })
      assert.deepStrictEqual((yield* seals())[1], "other")
    }),
  )

  it.effect("rotates to what the hash is when it is written", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const read = yield* insert({ hash: "old" })
      yield* repository.replaceHash(read.id, Redacted.make("old"), Redacted.make("newer"))
      yield* replace(read, { hash: "next" })
      const stored = Option.getOrThrow(yield* repository.findById(read.id))
      assert.deepStrictEqual(stored.previousHash === null ? null : Redacted.value(stored.previousHash), "newer")
    }),
  )

  it.effect("counts keys by what their hashes say of themselves", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const counts = (at: number) =>
        Effect.map(
          repository.countSchemes(instant(at)),
          (all) => new Map(all.map(({ scheme, previousScheme, count }) => [JSON.stringify([scheme, previousScheme]), count])),
        )
      const before = new Map([
        [999, yield* counts(999)],
        [1_000, yield* counts(1_000)],
      ])
      for (const hash of hashStrings) yield* insert({ hash })
      const ending = { expiresAt: instant(1_000), graceSeconds: null }
      yield* replace(yield* insert({ hash: "$previous$v=1$x" }), { hash: "$current$v=1$x", previous: ending })
      yield* replace(yield* insert({ hash: "$previous$v=2$x" }), {
        hash: "$current$v=2$x",
        previous: { expiresAt: null, graceSeconds: 1 },
      })
      yield* replace(yield* insert({ hash: "$previous$v=3$x" }), {
        hash: "$current$v=3$x",
        previous: { expiresAt: null, graceSeconds: null },
      })
      const added = (at: number) =>
        Effect.map(counts(at), (after) =>
          Array.from(after, ([name, count]) => [name, count - (before.get(at)?.get(name) ?? 0)] as const)
            .filter(([, count]) => count > 0)
            .sort(),
        )
      const alone = new Map<string, number>()
      for (const hash of hashStrings) alone.set(scheme(hash), (alone.get(scheme(hash)) ?? 0) + 1)
      const expected = (...pairs: ReadonlyArray<readonly [string, string | null]>) =>
        [
          ...Array.from(alone, ([name, count]) => [JSON.stringify([name, null]), count] as const),
          ...pairs.map((pair) => [JSON.stringify(pair), 1] as const),
        ].sort()
      const others = [["$current$v=2", "$previous$v=2"] as const, ["$current$v=3", null] as const]
      assert.deepStrictEqual(yield* added(1_000), expected(["$current$v=1", null], ...others))
      assert.deepStrictEqual(yield* added(999), expected(["$current$v=1", "$previous$v=1"], ...others))
      const { kinds } = repository
      const known = kinds === undefined ? undefined : yield* kinds.read
      if (kinds === undefined || known === undefined) return
      for (const scheme of [...alone.keys(), "$current$v=1", "$previous$v=1", "$previous$v=2"])
        assert.isTrue(known.schemes.has(scheme), scheme)
      const has = (at: number, ...schemes: ReadonlyArray<string>) => kinds.haveSchemes(new Set(schemes), instant(at))
      for (const scheme of alone.keys()) assert.isTrue(yield* has(1_000, scheme), scheme)
      assert.isTrue(yield* has(999, "$unknown", "$previous$v=1"))
      assert.isTrue(yield* has(1_000, "$previous$v=2"))
      assert.isFalse(yield* has(1_000, "$unknown", "$previous$v=1", "$previous$v=3"))
    }),
  )

  it.effect("counts the tokens that work by the id of their sealing key", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const counts = (at: number) =>
        Effect.map(repository.countSeals(instant(at)), (all) => new Map(all.map(({ sealId, count }) => [sealId, count])))
      const before = new Map([
        [999, yield* counts(999)],
        [1_000, yield* counts(1_000)],
      ])
      const added = (at: number) =>
        Effect.map(counts(at), (after) =>
          Array.from(after, ([sealId, count]) => [sealId, count - (before.get(at)?.get(sealId) ?? 0)] as const)
            .filter(([, count]) => count > 0)
            .sort(([a], [b]) => String(a).localeCompare(String(b))),
        )
      const expiresAt = instant(1_000)
      const of = owner()
      const [a, b, c, d, e] = [`a.${of}`, `b.${of}`, `c.${of}`, `d.${of}`, `e.${of}`]
      yield* insert({ sealId: a })
      yield* insert({ sealId: a, expiresAt })
      yield* insert({ sealId: a, isActive: false, deactivatedAt: instant(0) })
      yield* insert({ sealId: null })
      yield* insert({ sealId: null, hash: "$legacy-sha256$dGFn" })
      yield* insert({ sealId: a, hash: "$legacy-sha256$dGFn" })
      yield* replace(yield* insert({ sealId: b }), { sealId: a, previous: { expiresAt, graceSeconds: null } })
      yield* replace(yield* insert({ sealId: c }), { sealId: a, previous: { expiresAt: null, graceSeconds: 1 } })
      yield* replace(yield* insert({ sealId: d }), { sealId: a, previous: { expiresAt: null, graceSeconds: null } })
      yield* replace(yield* insert({ sealId: null }), { sealId: a, previous: { expiresAt: null, graceSeconds: 1 } })
      yield* replace(yield* insert({ sealId: null, hash: "$legacy-x$y" }), { sealId: a, previous: { expiresAt: null, graceSeconds: 1 } })
      const ended = yield* replace(yield* insert({ sealId: e }), { sealId: e, previous: { expiresAt: null, graceSeconds: 1 } })
      yield* repository.update(ended.id, { isActive: false }, { at: instant(6) })
      const lasting: ReadonlyArray<readonly [string | null, number]> = [
        [c, 1],
        [null, 2],
      ]
      assert.deepStrictEqual(yield* added(1_000), [[a, 6], ...lasting])
      assert.deepStrictEqual(yield* added(999), [[a, 7], [b, 1], ...lasting])
      const { kinds } = repository
      const known = kinds === undefined ? undefined : yield* kinds.read
      if (kinds === undefined || known === undefined) return
      for (const sealId of [a, b, c, null]) assert.isTrue(known.sealIds.has(sealId), String(sealId))
      const has = (at: number, ...sealIds: ReadonlyArray<string | null>) => kinds.haveSeals(new Set(sealIds), instant(at))
      for (const sealId of [a, c, null]) assert.isTrue(yield* has(1_000, "unknown", sealId), String(sealId))
      assert.isTrue(yield* has(999, b))
      assert.isFalse(yield* has(1_000, b, d, e, "unknown"))
      yield* insert({ sealId: d, expiresAt, hash: "$x$y" })
      yield* insert({ sealId: e, hash: "$legacy-x$y$z" })
      assert.isTrue(yield* has(999, d))
      assert.isFalse(yield* has(1_000, d, e))
    }),
  )
}

/**
 * Tests how a store keeps uses and hashes up to date. The store may hold other keys.
 * @category tests
 * @since 0.1.0
 */
export const upkeepContract: FacetContract<UpkeepStore> = contractOf("upkeep", upkeepTests)

const hashStrings = [
  "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$dGFn",
  "$argon2id$v=19$m=19456,t=2,p=1$b3RoZXI$dGFn",
  "$pepper=2026a$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$dGFn",
  "$2b$12$abcdefghijklmnopqrstuvabcdefghijklmnopqrstuvwxyzabcde",
  "$pepper=x_y-Z$2b$12$abcdefghijklmnopqrstuvabcdefghijklmnopqrstuvwxyzabcde",
  "$hmac-sha256$v=1$dGFn",
  "$legacy-sha256$dGFn",
  "$legacy-fastapi$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$dGFn",
  "$legacy-fastapi$2b$12$abcdefghijklmnopqrstuvabcdefghijklmnopqrstuvwxyzabcde",
  "$legacy-django$sha512$$0123",
  "$legacy-django$pbkdf2_sha256$260000$c2FsdA$dGFn",
  "of an unknown kind",
  "unknown$kind",
  "",
  "$",
  "$x",
  "$x$",
  "$$x",
  "$scrypt$ln=4,r=8,p=1$c2FsdA$dGFn",
  "$scrypt$ln=4,r=8,p=1$c2FsdA==$dGFn==",
  "$scrypt$c2FsdA$dGFn",
  "$x$1$a=b$22$c=d,e=f$tag",
  "$x$a=$tag",
  "$x$a=b,$tag",
  "$x$1234567890$tag",
  "$x$1$2",
  "$x$v=1",
  "$X Y$a=b$tag",
  "$a\nb$v=1\n$c",
  "$é😀$v=1$tag",
  "$legacy-x$y",
  "$legacy-x$y$z",
  "$legacy-$y$z",
  "$legacy-x$1$2$3",
  "$pepper=a",
  "$pepper=a$",
  "$pepper=a$argon2",
  "$pepper=a$x$v=1$tag",
  "$pepper=a$pepper=b$v=1$tag",
  "$pepper=$x$v=1$tag",
  "$pepper=a b$v=1$tag",
  `$pepper=${"a".repeat(33)}$v=1$tag`,
]
