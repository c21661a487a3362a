import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { ApiKey, type ApiKeyId, type DeactivationReason, type KeyId, PreviousToken } from "../../../ApiKey.ts"
import type { Changes, EndedPrevious, LookUps, Records } from "../../record/contract.ts"
import { set } from "../../../Scope.ts"
import { makeStoredApiKey } from "../fixtures.ts"
import {
  awkwardTexts,
  contractOf,
  encode,
  type FacetContract,
  getWith,
  insertWith,
  instant,
  iso,
  type Methods,
  owner,
  plain,
  replaceWith,
} from "./suite.ts"

/** The functions that the tests of records use. @category tests @since 0.1.0 */
export interface RecordsStore extends Records, LookUps {}

/** Adds the tests of records to a suite of one's own. */
export const recordsTests = <R>(it: Methods<R>, store: Effect.Effect<RecordsStore, never, R>): void => {
  const insert = insertWith(store)
  const get = getWith(store)
  const replace = replaceWith(store)

  it.effect("refuses a key id that is taken, and keeps the first", () =>
    Effect.gen(function* () {
      const repository = yield* store
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
      const repository = yield* store
      const { keyId } = makeStoredApiKey().apiKey
      const exits = yield* Effect.forEach(Array.from({ length: 10 }), () => Effect.exit(repository.insert(makeStoredApiKey({ keyId }))), {
        concurrency: "unbounded",
      })
      assert.strictEqual(exits.filter(({ _tag }) => _tag === "Success").length, 1)
    }),
  )

  it.effect("refuses an id that is taken", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const key = yield* insert()
      assert.deepInclude(yield* Effect.flip(repository.insert(makeStoredApiKey({ id: key.id }))), {
        _tag: "RepositoryError",
        isRetryable: false,
      })
    }),
  )

  it.effect("stores any text as it is", () =>
    Effect.gen(function* () {
      const repository = yield* store
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
        const { apiKey } = makeStoredApiKey({ name: `${text}2`, description: text })
        const { id } = key.apiKey
        const updated = yield* repository.update(id, { name: apiKey.name, description: text, ownerId: text }, { at: instant(1) })
        assert.strictEqual(updated.name, `${text}2`)
      }
    }),
  )

  it.effect("updates the fields given, the version and the time, and nothing else", () =>
    Effect.gen(function* () {
      const repository = yield* store
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
        { policies: { quota: { perDay: 5 }, hours: [[9, 17]] } },
        { name: "with policies" },
        { policies: null },
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

  it.effect("keeps JSON as it was when it was written", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const make = () => ({ quota: { perDay: 5, off: -0, days: ["mon"] } })
      const plainly = { quota: { perDay: 5, off: 0, days: ["mon"] } }
      const [inserted, updated] = [make(), make()]
      const { id } = yield* insert({ metadata: inserted, policies: inserted })
      inserted.quota.days.push("tue")
      assert.deepInclude(encode(yield* get(id)), { metadata: plainly, policies: plainly })
      yield* repository.update(id, { metadata: updated, policies: updated }, { at: instant(1) })
      updated.quota.days.push("tue")
      assert.deepInclude(encode(yield* get(id)), { metadata: plainly, policies: plainly })
    }),
  )

  it.effect("keeps when and why a key was deactivated first, until it is active again", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const { id } = yield* insert()
      const note = (seconds: number, reason: DeactivationReason) => ({ deactivatedAt: instant(seconds), deactivationReason: reason })
      const update = (changes: Changes) => Effect.map(repository.update(id, changes, { at: instant(100) }), encode)
      const encodedNote = (seconds: number, reason: DeactivationReason) => ({ deactivatedAt: iso(seconds), deactivationReason: reason })
      const reasons = ["leaked", "manual", "possession"] as const
      const updated = yield* Effect.forEach(reasons, (reason, i) => update({ isActive: false, ...note(i, reason) }), {
        concurrency: "unbounded",
      })
      const first = updated.find(({ version }) => version === 2)!
      assert.isNotNull(first.deactivationReason)
      const kept = { isActive: false, deactivatedAt: first.deactivatedAt, deactivationReason: first.deactivationReason }
      for (const each of updated) assert.deepInclude(each, kept)
      assert.deepInclude(yield* update({ isActive: false, name: "other", ...note(5, "manual") }), { ...kept, name: "other" })
      assert.deepInclude(yield* update({ isActive: true, deactivatedAt: null, deactivationReason: null }), {
        isActive: true,
        deactivatedAt: null,
        deactivationReason: null,
      })
      assert.deepInclude(yield* update({ isActive: false, ...note(6, "leaked") }), { isActive: false, ...encodedNote(6, "leaked") })
      assert.deepInclude(yield* update(note(7, "possession")), encodedNote(7, "possession"))
      const unknown = yield* insert({ isActive: false })
      yield* repository.update(unknown.id, { isActive: false, ...note(8, "manual") }, { at: instant(100) })
      assert.deepInclude(encode(yield* get(unknown.id)), { deactivatedAt: null, deactivationReason: null })
    }),
  )

  it.effect("updates and deletes only at the version asked for", () =>
    Effect.gen(function* () {
      const repository = yield* store
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

  it.effect("lets one of many concurrent updates at a version through", () =>
    Effect.gen(function* () {
      const repository = yield* store
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
      const repository = yield* store
      const { id, keyId } = yield* insert()
      yield* repository.delete(id)
      assert.isTrue(Option.isNone(yield* repository.findByKeyId(keyId)))
      yield* insert({ keyId })
    }),
  )

  it.effect("replaces the tokens of a record, which both lead to it", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const first = yield* insert({ name: "k", scopes: set("a"), hash: "first", sealId: "~.first" })
      const second = yield* replace(first, { hash: "second", sealId: "~.second" })
      assert.deepStrictEqual(
        encode(second),
        encode(
          new ApiKey({
            ...first,
            keyId: second.keyId,
            prefix: "new",
            hint: "hint",
            rotatedAt: instant(5),
            previous: new PreviousToken({
              keyId: first.keyId,
              hint: first.hint,
              expiresAt: instant(9),
              graceSeconds: null,
              lastUsedAt: null,
            }),
            updatedAt: instant(5),
            version: 2,
          }),
        ),
      )
      for (const keyId of [first.keyId, second.keyId]) {
        const stored = Option.getOrThrow(yield* repository.findByKeyId(keyId))
        assert.deepStrictEqual(plain(stored), plain(Option.getOrThrow(yield* repository.findById(first.id))))
        assert.strictEqual(Redacted.value(stored.hash), "second")
        assert.strictEqual(stored.previousHash === null ? null : Redacted.value(stored.previousHash), "first")
        assert.deepInclude(stored, { sealId: "~.second", previousSealId: "~.first" })
      }
      // The record keeps one previous token, so the first token is forgotten.
      const third = yield* replace(second, { hash: "third" })
      assert.isTrue(Option.isNone(yield* repository.findByKeyId(first.keyId)))
      assert.isTrue(Option.isSome(yield* repository.findByKeyId(second.keyId)))
      yield* insert({ keyId: first.keyId })
      yield* repository.delete(third.id)
      for (const keyId of [second.keyId, third.keyId]) assert.isTrue(Option.isNone(yield* repository.findByKeyId(keyId)))
    }),
  )

  it.effect("refuses tokens for another version, for a key id that is taken, and for no record", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const rotated = yield* replace(yield* insert(), { hash: "second" })
      const { previous, version } = rotated
      const stale = new ApiKey({ ...rotated, version: version - 1 })
      assert.deepInclude(yield* Effect.flip(replace(stale)), { _tag: "VersionConflict", expected: version - 1, actual: version })
      const other = yield* insert()
      for (const keyId of [rotated.keyId, previous!.keyId]) {
        assert.deepInclude(yield* Effect.flip(replace(other, { keyId })), { _tag: "DuplicateKeyId", keyId })
        assert.deepInclude(yield* Effect.flip(repository.insert(makeStoredApiKey({ keyId }))), { _tag: "DuplicateKeyId", keyId })
      }
      assert.deepStrictEqual(encode(yield* get(other.id)), encode(other))
      yield* repository.delete(other.id)
      assert.deepInclude(yield* Effect.flip(replace(other)), { _tag: "ApiKeyNotFound", id: other.id })
    }),
  )

  it.effect("ends a previous token that works, and only that", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const end = (id: ApiKeyId, at: number, keyId?: KeyId) => repository.endPrevious(id, { at: instant(at), keyId })
      for (const [previous, isEnded] of [
        [{ expiresAt: instant(9), graceSeconds: null }, true],
        [{ expiresAt: instant(9), graceSeconds: 100 }, true],
        [{ expiresAt: null, graceSeconds: 0 }, true],
        [{ expiresAt: instant(8), graceSeconds: null }, false],
        [{ expiresAt: null, graceSeconds: null }, false],
        // The rotation was written at this end, so the token ended with it.
        [{ expiresAt: instant(5), graceSeconds: null }, false],
      ] as const) {
        const before = yield* insert()
        const rotated = yield* replace(before, { previous })
        const stored = yield* repository.findById(rotated.id)
        // A key id of the current token, or of another record, ends nothing.
        for (const keyId of [rotated.keyId, makeStoredApiKey().apiKey.keyId]) {
          assert.deepStrictEqual(encodeEnded(yield* end(rotated.id, 8, keyId)), { apiKey: encode(rotated), isEnded: false })
        }
        const expected = isEnded
          ? new ApiKey({
              ...rotated,
              previous: new PreviousToken({ ...rotated.previous!, expiresAt: instant(8), graceSeconds: null }),
              updatedAt: instant(8),
              version: rotated.version + 1,
            })
          : rotated
        assert.deepStrictEqual(encodeEnded(yield* end(rotated.id, 8, before.keyId)), { apiKey: encode(expected), isEnded })
        // The end stays as it was first written, even if the clock is behind.
        for (const at of isEnded ? [7, 8, 9] : [8, 9])
          assert.deepStrictEqual(encodeEnded(yield* end(rotated.id, at)), { apiKey: encode(expected), isEnded: false })
        assert.deepStrictEqual(
          Option.map(yield* repository.findById(rotated.id), (key) => plain({ ...key, apiKey: expected })),
          Option.map(stored, (key) => plain({ ...key, apiKey: expected })),
        )
      }
      const never = yield* insert()
      assert.deepStrictEqual(encodeEnded(yield* end(never.id, 8)), { apiKey: encode(never), isEnded: false })
      const { id } = makeStoredApiKey().apiKey
      assert.deepInclude(yield* Effect.flip(end(id, 8)), { _tag: "ApiKeyNotFound", id })
    }),
  )

  it.effect("ends a previous token only of a record at the version that is expected", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const rotated = yield* replace(yield* insert(), { previous: { expiresAt: instant(9), graceSeconds: null } })
      const end = (ifVersion: number, at = 8) => repository.endPrevious(rotated.id, { at: instant(at), ifVersion })
      const conflict = { _tag: "VersionConflict" as const, id: rotated.id, expected: rotated.version - 1, actual: rotated.version }
      assert.deepInclude(yield* Effect.flip(end(rotated.version - 1)), conflict)
      // The version is checked even if there is nothing to end.
      assert.deepInclude(yield* Effect.flip(end(rotated.version - 1, 9)), conflict)
      assert.deepStrictEqual(encodeEnded(yield* end(rotated.version, 9)), { apiKey: encode(rotated), isEnded: false })
      assert.strictEqual((yield* end(rotated.version)).apiKey.version, rotated.version + 1)
      assert.strictEqual((yield* Effect.flip(end(rotated.version)))._tag, "VersionConflict")
    }),
  )

  it.effect("doesn't let a clock that is behind undo the end of a previous token", () =>
    Effect.gen(function* () {
      const repository = yield* store
      const update = ({ id }: ApiKey, at: number) => repository.update(id, { name: "changed" }, { at: instant(at) })
      const running = yield* replace(yield* insert(), { previous: { expiresAt: instant(9), graceSeconds: null } })
      assert.deepStrictEqual((yield* update(running, 1)).updatedAt, instant(1))
      assert.deepStrictEqual((yield* update(running, 8)).updatedAt, instant(8))
      const { apiKey: ended } = yield* repository.endPrevious(running.id, { at: instant(8) })
      assert.deepStrictEqual((yield* update(ended, 2)).updatedAt, instant(8))
      assert.deepStrictEqual((yield* update(ended, 20)).updatedAt, instant(20))
    }),
  )
}

/**
 * Tests how a store writes one record. The store may hold other keys.
 * @category tests
 * @since 0.1.0
 */
export const recordsContract: FacetContract<RecordsStore> = contractOf("records", recordsTests)

const encodeEnded = ({ apiKey, isEnded }: EndedPrevious) => ({ apiKey: encode(apiKey), isEnded })
