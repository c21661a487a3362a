import * as nodeCrypto from "node:crypto"
import { createHash } from "node:crypto"
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Logger, Redacted, References, Result, Stream, Tracer } from "effect"
import { Csv } from "effect/encoding"
import { StoredApiKey } from "../../src/ApiKey.ts"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as BetterAuth from "../../src/legacy/BetterAuth.ts"
import * as Django from "../../src/legacy/Django.ts"
import * as FastapiApiKey from "../../src/legacy/FastapiApiKey.ts"
import * as Keypal from "../../src/legacy/Keypal.ts"
import * as PrefixedApiKey from "../../src/legacy/PrefixedApiKey.ts"
import * as Sha256 from "../../src/legacy/Sha256.ts"
import * as Unkey from "../../src/legacy/Unkey.ts"
import type { LegacyTokens } from "../../src/LegacyTokens.ts"
import { makeStoredApiKey } from "../../src/testing.ts"
import betterAuth from "../legacy/fixtures/better-auth.json" with { type: "json" }
import django from "../legacy/fixtures/django.json" with { type: "json" }
import fastapi from "../legacy/fixtures/fastapi.json" with { type: "json" }
import keypal from "../legacy/fixtures/keypal.json" with { type: "json" }
import prefixedApiKey from "../legacy/fixtures/prefixed-api-key.json" with { type: "json" }
import { tracerInto } from "../support/spans.ts"
import { progressOf } from "../support/transfer.ts"
import { encodeLine, fromCsv, fromNdjson, run, importing } from "./support.ts"

describe("keys of other systems", () => {
  const homeMade = "key of the house"
  const unkeyToken = "shop_3ZaKQ7mVxJ9cYpTfWhRuB2nE"
  const sha256 = (text: string, encoding: "hex" | "base64") => createHash("sha256").update(text).digest(encoding)
  const vectors: ReadonlyArray<{ readonly legacy: LegacyTokens; readonly token: string; readonly row: object; readonly isCut?: boolean }> =
    [
      ...fastapi.map(({ label, pepper, prefix, separator, secret, token, row }) => ({
        isCut: label === "bcrypt, 0.2.1" && Buffer.byteLength(secret) >= 72,
        legacy: FastapiApiKey.make({ pepper: Redacted.make(pepper), prefix, separator }),
        token,
        row,
      })),
      ...betterAuth.map(({ label, token, row }) => ({ legacy: BetterAuth.make({ disableKeyHashing: label === "unhashed" }), token, row })),
      ...keypal.map(({ options: { salt, algorithm, prefix }, token, row }) => ({
        legacy: Keypal.make({
          salt: salt === undefined ? undefined : Redacted.make(salt),
          algorithm: algorithm === "sha512" ? "sha512" : "sha256",
          prefix,
        }),
        token,
        row,
      })),
      ...prefixedApiKey.map(({ prefix, token, row }) => ({
        legacy: PrefixedApiKey.make({ prefix, columns: { expiresAt: null, isActive: null } }),
        token,
        row,
      })),
      ...django.map(({ token, row }) => ({ legacy: Django.make(), token, row })),
      {
        legacy: Unkey.make({ prefix: "shop_" }),
        token: unkeyToken,
        row: {
          id: "key_1",
          hash: sha256(unkeyToken, "base64"),
          enabled: 1,
          expires: null,
          deleted_at_m: null,
          created_at_m: 1_700_000_000_000,
        },
      },
      { legacy: Sha256.make(), token: homeMade, row: { id: 7, key_hash: sha256(homeMade, "hex"), expires_at: null, active: true } },
    ]

  it.live("verify after an import, from JSON and from CSV, and after a move to another database, and are upgraded", () =>
    Effect.forEach(
      // Argon2 of another system is computed by `node:crypto`, from Node 24.7 on.
      vectors.filter(({ row }) => "argon2" in nodeCrypto || !JSON.stringify(row).includes("$argon2")),
      ({ legacy, token, row, isCut = false }) =>
        Effect.gen(function* () {
          const csv = (yield* Stream.runCollect(
            Stream.make(
              Object.keys(row),
              Object.values(row).map((cell) => (cell === null ? "" : typeof cell === "object" ? JSON.stringify(cell) : String(cell))),
            ).pipe(Stream.pipeThroughChannel(Csv.encodeString())),
          )).join("")
          const expected = { read: 1, inserted: 1, present: 0, refused: 0 }
          const verified = Effect.gen(function* () {
            const apiKeys = yield* ApiKeys.ApiKeys
            const [apiKey] = yield* Stream.runCollect(apiKeys.stream())
            const verified = yield* Effect.result(apiKeys.verify(token))
            const outcome = Result.isSuccess(verified) ? verified.success.apiKey.id : verified.failure._tag
            const isExpired = typeof apiKey?.expiresAt?.epochMilliseconds === "number" && apiKey.expiresAt.epochMilliseconds <= Date.now()
            assert.strictEqual(outcome, apiKey?.isActive === false ? "Inactive" : isExpired ? "Expired" : apiKey?.id)
            // At its beginning, as bcrypt doesn't look at the end of a long one.
            const secret = Redacted.value(legacy.parse(token)[0]!.secret)
            const wrong = token.slice(0, -secret.length) + (secret.startsWith("A") ? "B" : "A") + secret.slice(1)
            assert.include(["NotFound", "InvalidSecret", "MalformedToken"], (yield* Effect.flip(apiKeys.verify(wrong)))._tag)
            return yield* Stream.runCollect(apiKeys.export({ hashes: true }))
          })
          /** The record's hash becomes one of ours, by which the very same token goes on. Not where bcrypt didn't see the end of the secret. */
          const upgraded = Effect.gen(function* () {
            const apiKeys = yield* ApiKeys.ApiKeys
            const repository = yield* Repository.ApiKeyRepository
            const outcome = Effect.map(Effect.result(apiKeys.verify(token, { maxAge: 0 })), (verified) =>
              Result.isSuccess(verified) ? "good" : verified.failure._tag,
            )
            const isLegacy = Effect.map(Stream.runCollect(repository.streamStored({})), (all) =>
              all.some(({ hash }) => Redacted.value(hash).startsWith("$legacy-")),
            )
            const before = yield* outcome
            for (let time = 0; time < (isCut ? 10 : 500) && (yield* isLegacy); time++) yield* Effect.sleep("10 millis")
            assert.strictEqual(yield* isLegacy, isCut, JSON.stringify(row))
            assert.strictEqual(yield* outcome, before)
          })
          const lines = yield* run(
            Effect.gen(function* () {
              const apiKeys = yield* ApiKeys.ApiKeys
              const events = yield* Stream.runCollect(apiKeys.import(fromNdjson(Stream.make(JSON.stringify(row))), { from: legacy }))
              assert.deepStrictEqual(progressOf(events), expected, JSON.stringify(events))
              const again = yield* Stream.runCollect(apiKeys.import(fromCsv(Stream.make(csv)), { from: legacy }))
              assert.deepStrictEqual(progressOf(again), { ...expected, inserted: 0, present: 1 })
              return yield* verified
            }),
            { legacy: [legacy] },
          )
          yield* run(
            Effect.gen(function* () {
              assert.deepStrictEqual(progressOf(yield* importing(lines)), expected)
              yield* verified
              yield* upgraded
            }),
            { legacy: [legacy] },
          )
        }),
      { discard: true },
    ),
  )
})

describe("ApiKeys.export", () => {
  it.effect("gives lines without hashes unless asked, the oldest first, of those that match", () =>
    run(
      Effect.gen(function* () {
        const repository = yield* Repository.ApiKeyRepository
        const apiKeys = yield* ApiKeys.ApiKeys
        const keys = [3, 1, 2].map((day) =>
          makeStoredApiKey({ createdAt: DateTime.makeUnsafe(`2026-01-0${day}T00:00:00Z`), ownerId: day === 2 ? null : "me", hash: "$h" }),
        )
        yield* repository.insertMany(keys)
        const [third, first, second] = keys as [StoredApiKey, StoredApiKey, StoredApiKey]
        const lines = (options?: ApiKeys.ExportOptions) => Stream.runCollect(apiKeys.export(options))
        assert.deepStrictEqual(
          yield* lines(),
          [first, second, third].map(({ apiKey }) => encodeLine(apiKey)),
        )
        assert.deepStrictEqual(yield* lines({ hashes: true }), [first, second, third].map(encodeLine))
        assert.deepStrictEqual(
          yield* lines({ filter: { ownerId: "me" } }),
          [first, third].map(({ apiKey }) => encodeLine(apiKey)),
        )
        assert.deepStrictEqual(yield* lines({ hashes: true, filter: { ownerId: "me" } }), [first, third].map(encodeLine))
        assert.strictEqual((yield* Effect.flip(lines({ filter: { ownerId: "" } })))._tag, "InvalidInput")
        assert.isFalse((yield* lines()).join("").includes("$h"))
      }),
    ),
  )

  it.effect("leaves no hash in spans and logs, nor does an import", () => {
    const spans: Array<Tracer.NativeSpan> = []
    const logged: Array<unknown> = []
    return run(
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const lines = [encodeLine(makeStoredApiKey({ hash: "$topsecret" })), '{"hash":"$topsecret', "\n"]
        const events = yield* importing(lines)
        assert.strictEqual(progressOf(events).inserted, 1)
        assert.include((yield* Stream.runCollect(apiKeys.export({ hashes: true }))).join(""), "$topsecret")
        assert.isAbove(spans.length, 1)
        assert.notInclude(inspect([events, spans, logged], { depth: 12, showHidden: true }), "topsecret")
      }).pipe(
        Effect.provideService(Tracer.Tracer, tracerInto(spans)),
        Effect.provide(Logger.layer([Logger.make((entry) => logged.push(entry.message, entry.cause))])),
        Effect.provideService(References.MinimumLogLevel, "All"),
      ),
    )
  })
})
