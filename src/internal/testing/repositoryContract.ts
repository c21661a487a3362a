import { assert, layer as describeWith } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { ApiKey, type ApiKeyId, type DeactivationReason, KeyId, keyIdsOf, PreviousToken, StoredApiKey } from "../../ApiKey.ts"
import { scheme } from "../../ApiKeyHasher.ts"
import { ApiKeyRepository, type Changes, type Filter, type Page, type Sort } from "../../ApiKeyRepository.ts"
import { set } from "../../Scope.ts"
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
          const key = new StoredApiKey({
            apiKey: new ApiKey({ ...generated.apiKey, id, keyId }),
            hash: generated.hash,
            previousHash: generated.previousHash,
          })
          yield* Effect.gen(function* () {
            yield* repository.insert(key)
            assert.deepStrictEqual(Option.map(yield* repository.findById(key.apiKey.id), plain), Option.some(plain(key)))
            assert.deepStrictEqual(Option.map(yield* repository.findByKeyId(key.apiKey.keyId), plain), Option.some(plain(key)))
            // A record that remained would be what fails when this one is shrunk, as it has the same previous key id.
          }).pipe(Effect.ensuring(Effect.ignore(repository.delete(key.apiKey.id))))
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

    it.effect("keeps when and why a key was deactivated first, until it is active again", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const { id } = yield* insert()
        const note = (millis: number, reason: DeactivationReason) => ({ deactivatedAt: instant(millis), deactivationReason: reason })
        const update = (changes: Changes) => Effect.map(repository.update(id, changes, { at: instant(100) }), encode)
        const told = (millis: number, reason: DeactivationReason) => ({ deactivatedAt: iso(millis), deactivationReason: reason })
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
        assert.deepInclude(yield* update({ isActive: false, ...note(6, "leaked") }), { isActive: false, ...told(6, "leaked") })
        assert.deepInclude(yield* update(note(7, "possession")), told(7, "possession"))
        const unknown = yield* insert({ isActive: false })
        yield* repository.update(unknown.id, { isActive: false, ...note(8, "manual") }, { at: instant(100) })
        assert.deepInclude(encode(yield* get(unknown.id)), { deactivatedAt: null, deactivationReason: null })
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

    it.effect("replaces the tokens of a record, which both lead to it", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const first = yield* insert({ name: "k", scopes: set("a"), hash: "first" })
        const second = yield* replace(first, { hash: "second" })
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
          assert.deepStrictEqual(ids((yield* repository.search(firstPage({ keyId }))).items), [first.id])
          assert.strictEqual(yield* repository.count({ keyId }), 1)
          assert.strictEqual(yield* repository.count({ startsWith: keyId }), 1)
        }
        // The one before the previous is forgotten.
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
        const repository = yield* ApiKeyRepository
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

    it.effect("notes the use of either token, and lets the grace begin with the first use of the new one", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const before = yield* insert({ expiresAt: instant(200_000) })
        const waiting = { expiresAt: null, graceSeconds: 100 }
        const rotated = yield* replace(before, { previous: waiting })
        const previousUse = { id: rotated.id, keyId: before.keyId, lastUsedAt: instant(10_000) }
        // A use from before the rotation, written late, isn't one since.
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
        // Not beyond the key's own expiry.
        const again = yield* replace(yield* get(rotated.id), { previous: waiting })
        const [last] = yield* repository.touch([{ id: again.id, keyId: again.keyId, lastUsedAt: instant(199_950) }])
        assert.deepStrictEqual(last?.previous?.expiresAt, instant(200_000))
      }),
    )

    it.effect("replaces a hash only while it is there, and nothing else", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
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

    it.effect("ends a previous token that works, and only that", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const end = (id: ApiKeyId, at: number, keyId?: KeyId) => repository.endPrevious(id, { at: instant(at), keyId })
        for (const [previous, isEnded] of [
          [{ expiresAt: instant(9), graceSeconds: null }, true],
          [{ expiresAt: instant(9), graceSeconds: 100 }, true],
          [{ expiresAt: null, graceSeconds: 0 }, true],
          [{ expiresAt: instant(8), graceSeconds: null }, false],
          [{ expiresAt: null, graceSeconds: null }, false],
          // Whoever rotated had passed it.
          [{ expiresAt: instant(5), graceSeconds: null }, false],
        ] as const) {
          const before = yield* insert()
          const rotated = yield* replace(before, { previous })
          const stored = yield* repository.findById(rotated.id)
          // That of a token that has become the current one, or that is none of its own.
          for (const keyId of [rotated.keyId, makeStoredApiKey().apiKey.keyId]) {
            assert.deepStrictEqual(encode(yield* end(rotated.id, 8, keyId)), encode(rotated))
          }
          const expected = isEnded
            ? new ApiKey({
                ...rotated,
                previous: new PreviousToken({ ...rotated.previous!, expiresAt: instant(8), graceSeconds: null }),
                updatedAt: instant(8),
                version: rotated.version + 1,
              })
            : rotated
          assert.deepStrictEqual(encode(yield* end(rotated.id, 8, before.keyId)), encode(expected))
          // Once and for all, also where the clock is behind.
          for (const at of isEnded ? [7, 8, 9] : [8, 9]) assert.deepStrictEqual(encode(yield* end(rotated.id, at)), encode(expected))
          assert.deepStrictEqual(
            Option.map(yield* repository.findById(rotated.id), ({ hash, previousHash }) => plain({ apiKey: expected, hash, previousHash })),
            Option.map(stored, ({ hash, previousHash }) => plain({ apiKey: expected, hash, previousHash })),
          )
        }
        const never = yield* insert()
        assert.deepStrictEqual(encode(yield* end(never.id, 8)), encode(never))
        const { id } = makeStoredApiKey().apiKey
        assert.deepInclude(yield* Effect.flip(end(id, 8)), { _tag: "ApiKeyNotFound", id })
      }),
    )

    it.effect("doesn't let a clock that is behind undo the end of a previous token", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const update = ({ id }: ApiKey, at: number) => repository.update(id, { name: "changed" }, { at: instant(at) })
        const running = yield* replace(yield* insert(), { previous: { expiresAt: instant(9), graceSeconds: null } })
        assert.deepStrictEqual((yield* update(running, 1)).updatedAt, instant(1))
        assert.deepStrictEqual((yield* update(running, 8)).updatedAt, instant(8))
        const ended = yield* repository.endPrevious(running.id, { at: instant(8) })
        assert.deepStrictEqual((yield* update(ended, 2)).updatedAt, instant(8))
        assert.deepStrictEqual((yield* update(ended, 20)).updatedAt, instant(20))
      }),
    )

    it.effect("registers nodes for as long as their leases, if it does", () =>
      Effect.gen(function* () {
        const { nodeRegister } = yield* ApiKeyRepository
        if (nodeRegister === undefined) return
        const { register, unregister, nodes } = nodeRegister
        // By the store's own clock.
        const settled = (expected: ReadonlyArray<string>) =>
          TestClock.withLive(
            Effect.repeat(Effect.delay(nodes, "20 millis"), { until: (found) => found.toSorted().join() === expected.join() }),
          )
        yield* register("contract-a", Duration.hours(1))
        yield* register("contract-b", Duration.millis(1))
        yield* settled(["contract-a"])
        yield* register("contract-b", Duration.hours(1))
        yield* register("contract-b", Duration.hours(1))
        yield* settled(["contract-a", "contract-b"])
        yield* unregister("contract-a")
        yield* unregister("contract-a")
        yield* register("contract-b", Duration.millis(1))
        yield* settled([])
      }),
    )

    it.effect("remembers reports, if it does", () =>
      Effect.gen(function* () {
        const { reports } = yield* ApiKeyRepository
        if (reports === undefined) return
        const { keyId } = makeStoredApiKey().apiKey
        const [report, other] = [`${"a".repeat(64)} ${keyId}`, `${"b".repeat(64)} ${keyId}`]
        assert.isFalse(yield* reports.isKnown(report))
        yield* reports.remember(report, instant(1))
        yield* reports.remember(report, instant(2))
        assert.isTrue(yield* reports.isKnown(report))
        assert.isFalse(yield* reports.isKnown(other))
        assert.isFalse(yield* reports.isKnown(report.toUpperCase()))
      }),
    )

    it.effect("notes peppers, if it does, and keeps the first note of each", () =>
      Effect.gen(function* () {
        const { peppers } = yield* ApiKeyRepository
        if (peppers === undefined) return
        const [start, labelled] = [`$${crypto.randomUUID()}`, `$pepper=2026a$${crypto.randomUUID()}`]
        const notes = Effect.map(peppers.read, (notes) => notes.filter((note) => note.start === start || note.start === labelled))
        assert.deepStrictEqual(yield* notes, [])
        yield* peppers.note({ start, check: "first", isAssumed: true }, instant(1))
        yield* peppers.note({ start, check: "second", isAssumed: false }, instant(2))
        yield* peppers.note({ start: labelled, check: "third", isAssumed: false }, instant(3))
        assert.sameDeepMembers(Array.from(yield* notes), [
          { start, check: "first", isAssumed: true },
          { start: labelled, check: "third", isAssumed: false },
        ])
      }),
    )

    it.effect("ends a previous token only of a record at the version that is expected", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const rotated = yield* replace(yield* insert(), { previous: { expiresAt: instant(9), graceSeconds: null } })
        const end = (ifVersion: number, at = 8) => repository.endPrevious(rotated.id, { at: instant(at), ifVersion })
        const conflict = { _tag: "VersionConflict" as const, id: rotated.id, expected: rotated.version - 1, actual: rotated.version }
        assert.deepInclude(yield* Effect.flip(end(rotated.version - 1)), conflict)
        // Where there is nothing to end, too.
        assert.deepInclude(yield* Effect.flip(end(rotated.version - 1, 9)), conflict)
        assert.deepStrictEqual(encode(yield* end(rotated.version, 9)), encode(rotated))
        assert.strictEqual((yield* end(rotated.version)).version, rotated.version + 1)
        assert.strictEqual((yield* Effect.flip(end(rotated.version)))._tag, "VersionConflict")
      }),
    )

    it.effect("rotates to what the hash is when it is written", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const read = yield* insert({ hash: "old" })
        yield* repository.replaceHash(read.id, Redacted.make("old"), Redacted.make("newer"))
        yield* replace(read, { hash: "next" })
        const stored = Option.getOrThrow(yield* repository.findById(read.id))
        assert.deepStrictEqual(stored.previousHash === null ? null : Redacted.value(stored.previousHash), "newer")
      }),
    )

    it.effect("counts keys by what their hashes say of themselves", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
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
      }),
    )

    it.effect.prop(
      "inserts many at once as it does one by one",
      { keys: Arbitrary.array(arbitraries.storedApiKey, { maxLength: 12 }) },
      ({ keys: generated }) =>
        Effect.gen(function* () {
          const repository = yield* ApiKeyRepository
          const keys = generated.map(({ apiKey, ...hashes }) => {
            const [{ id, keyId }, { keyId: previousKeyId }] = [makeStoredApiKey().apiKey, makeStoredApiKey().apiKey]
            const previous = apiKey.previous === null ? null : new PreviousToken({ ...apiKey.previous, keyId: previousKeyId })
            return new StoredApiKey({ apiKey: new ApiKey({ ...apiKey, id, keyId, previous }), ...hashes })
          })
          assert.deepStrictEqual(
            yield* repository.insertMany(keys),
            keys.map(() => true),
          )
          for (const key of keys) {
            assert.deepStrictEqual(Option.map(yield* repository.findById(key.apiKey.id), plain), Option.some(plain(key)))
          }
          assert.deepStrictEqual(
            yield* repository.insertMany(keys),
            keys.map(() => false),
          )
          yield* Effect.forEach(keys, ({ apiKey }) => repository.delete(apiKey.id))
        }),
      { arbitrary: { runs: 20 } },
    )

    it.effect("inserts of many those that are free, and says which", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const there = yield* replace(yield* insert())
        const [one, two] = [makeStoredApiKey(), makeStoredApiKey()]
        const { keyId: three } = makeStoredApiKey().apiKey
        const clashing = makeStoredApiKey({ keyId: there.keyId })
        const formerOf = (keyId: KeyId) => new PreviousToken({ keyId, hint: "hint", expiresAt: null, graceSeconds: 1, lastUsedAt: null })
        const batch = [
          makeStoredApiKey({ id: there.id }),
          one,
          clashing,
          makeStoredApiKey({ id: clashing.apiKey.id }),
          makeStoredApiKey({ keyId: there.previous!.keyId }),
          one,
          two,
          makeStoredApiKey({ keyId: two.apiKey.keyId }),
          makeStoredApiKey({ previous: formerOf(two.apiKey.keyId), previousHash: "former" }),
          makeStoredApiKey({ previous: formerOf(three), previousHash: "former" }),
          makeStoredApiKey({ keyId: three }),
          makeStoredApiKey({ previous: formerOf(three), previousHash: "former" }),
        ]
        const inserted = [false, true, false, true, false, false, true, false, false, true, false, false]
        assert.deepStrictEqual(yield* repository.insertMany(batch), inserted)
        const former = makeStoredApiKey({ previous: formerOf(there.keyId), previousHash: "former" })
        assert.deepStrictEqual(yield* repository.insertMany([former]), [false])
        assert.deepStrictEqual(yield* repository.insertMany([]), [])
        assert.deepStrictEqual(encode(yield* get(there.id)), encode(there))
      }),
    )

    it.effect("finds what has an id or a key id of these", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const rotated = yield* replace(yield* insert({ hash: "$old" }), { hash: "$new" })
        const [plain, byPrevious] = [yield* insert({ hash: "$plain" }), yield* insert()]
        const formerOf = (keyId: KeyId) => new PreviousToken({ keyId, hint: "hint", expiresAt: null, graceSeconds: 1, lastUsedAt: null })
        const find = (...keys: ReadonlyArray<StoredApiKey>) =>
          Effect.map(repository.findTaken(keys), (taken) => new Map(taken.map((each) => [each.id, each])))
        assert.strictEqual(
          (yield* find(makeStoredApiKey(), makeStoredApiKey({ previous: formerOf(makeStoredApiKey().apiKey.keyId) }))).size,
          0,
        )
        const found = yield* find(
          makeStoredApiKey({ id: plain.id }),
          makeStoredApiKey({ id: plain.id, keyId: plain.keyId }),
          makeStoredApiKey({ keyId: rotated.previous!.keyId }),
          makeStoredApiKey({ previous: formerOf(byPrevious.keyId), previousHash: "$former" }),
        )
        assert.deepStrictEqual(new Set(found.keys()), new Set([plain.id, rotated.id, byPrevious.id]))
        assert.deepStrictEqual(found.get(plain.id)?.keyIds, [plain.keyId])
        assert.strictEqual(found.get(plain.id)?.rotatedAt, null)
        const old = found.get(rotated.id)!
        assert.deepStrictEqual(old.keyIds, keyIdsOf(rotated))
        assert.deepStrictEqual(old.rotatedAt, rotated.rotatedAt)
        assert.strictEqual(Redacted.value(old.hash), "$new")
      }),
    )

    it.effect("streams records with their hashes, the oldest first", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const ownerId = "stored"
        const keys = Array.from({ length: 1_001 }, (_, i) =>
          makeStoredApiKey({ ownerId, createdAt: instant(Math.floor(i / 3)), hash: `h${i}` }),
        )
        yield* repository.insertMany(keys)
        const streamed = yield* Stream.runCollect(repository.streamStored({ ownerId }))
        assert.deepStrictEqual(streamed.map(plain), keys.map(plain))
        const some = yield* Stream.runCollect(Stream.take(repository.streamStored({ ownerId, createdAfter: instant(100) }), 3))
        assert.deepStrictEqual(some.map(plain), keys.slice(300, 303).map(plain))
      }),
    )

    it.effect("filters by when the current token was made", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const ownerId = "token age"
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

    it.effect("moves the last use forward, never back, and changes nothing else", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
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
          const repository = yield* ApiKeyRepository
          const ownerId = owner()
          const instants = [null, instant(3), instant(1), instant(3), null, instant(2), null, instant(1)]
          // UTF-16 would put the emoji before the ligature.
          const names = ["b", "a", "B", "ä", "z", "a", "😀", "ﬁ"]
          for (const [i, at] of instants.entries()) {
            yield* insert({ ownerId, name: names[i] ?? "", createdAt: at ?? instant(9), expiresAt: at, lastUsedAt: at })
          }
          const all = (yield* repository.search(firstPage({ ownerId }))).items
          for (const by of ["createdAt", "name", "lastUsedAt", "expiresAt", "tokenCreatedAt"] as const) {
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

const insert = (overrides: Parameters<typeof makeStoredApiKey>[0] = {}) =>
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
    let page = yield* repository.search({ filter, sort, limit, page: { _tag: "Cursor", cursor: "" } })
    for (let i = 0; ; i++) {
      assert.isNull(page.total)
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
    const value = by === "tokenCreatedAt" ? (key.rotatedAt ?? key.createdAt) : key[by]
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
const plain = ({ apiKey, hash, previousHash }: StoredApiKey): unknown =>
  JSON.parse(
    JSON.stringify({
      ...encode(apiKey),
      hash: Redacted.value(hash),
      previousHash: previousHash === null ? null : Redacted.value(previousHash),
    }),
  )

const iso = (millis: number): string => DateTime.formatIso(instant(millis))

/** Gives a record a new token, as a rotation at the instant 5 does, unless told otherwise. */
const replace = (
  { id, version }: ApiKey,
  options: {
    readonly hash?: string
    readonly keyId?: KeyId
    readonly previous?: Pick<PreviousToken, "expiresAt" | "graceSeconds">
  } = {},
) =>
  ApiKeyRepository.use((repository) => {
    const {
      hash = "another hash",
      keyId = makeStoredApiKey().apiKey.keyId,
      previous = { expiresAt: instant(9), graceSeconds: null },
    } = options
    const token = { keyId, prefix: "new", hint: "hint", hash: Redacted.make(hash), previous }
    return repository.rotate(id, token, { at: instant(5), ifVersion: version })
  })

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
