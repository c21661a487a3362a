import { createHash } from "node:crypto"
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Redacted, Result, Schema } from "effect"
import { ApiKeyId, KeyId } from "../../src/ApiKey.ts"
import { HasherError } from "../../src/ApiKeyError.ts"
import * as BetterAuth from "../../src/legacy/BetterAuth.ts"
import * as Django from "../../src/legacy/Django.ts"
import * as FastapiApiKey from "../../src/legacy/FastapiApiKey.ts"
import * as Keypal from "../../src/legacy/Keypal.ts"
import * as PrefixedApiKey from "../../src/legacy/PrefixedApiKey.ts"
import * as Sha256 from "../../src/legacy/Sha256.ts"
import * as Unkey from "../../src/legacy/Unkey.ts"
import type { LegacyTokens } from "../../src/LegacyTokens.ts"
import betterAuth from "./fixtures/better-auth.json" with { type: "json" }
import django from "./fixtures/django.json" with { type: "json" }
import fastapi from "./fixtures/fastapi.json" with { type: "json" }
import keypal from "./fixtures/keypal.json" with { type: "json" }
import prefixedApiKey from "./fixtures/prefixed-api-key.json" with { type: "json" }

interface Vector {
  readonly label: string
  readonly legacy: LegacyTokens
  readonly token: string
  readonly row: Readonly<Record<string, unknown>>
}

const unkeyToken = "shop_3ZaKQ7mVxJ9cYpTfWhRuB2nE"
const homeMade = "key of the house, with blanks and ü"

const systems: Record<string, ReadonlyArray<Vector>> = {
  FastapiApiKey: fastapi.map(({ label, pepper, prefix, separator, token, row }, index) => ({
    label: `${index}: ${label}`,
    legacy: FastapiApiKey.make({ pepper: Redacted.make(pepper), prefix, separator }),
    token,
    row,
  })),
  BetterAuth: betterAuth.map(({ label, token, row }) => ({
    label: `${label} ${row.name}`,
    legacy: BetterAuth.make({ disableKeyHashing: label === "unhashed" }),
    token,
    row,
  })),
  Keypal: keypal.map(({ options: { salt, algorithm, prefix }, token, row }) => ({
    label: `${row.metadata.ownerId} ${row.metadata.name}`,
    legacy: Keypal.make({
      salt: salt === undefined ? undefined : Redacted.make(salt),
      algorithm: algorithm === "sha512" ? "sha512" : "sha256",
      prefix,
    }),
    token,
    row,
  })),
  PrefixedApiKey: prefixedApiKey.map(({ prefix, token, row }) => ({
    label: token,
    legacy: PrefixedApiKey.make({ prefix, columns: { expiresAt: null, isActive: null } }),
    token,
    row,
  })),
  Django: django.map(({ token, row }) => ({ label: row.name, legacy: Django.make(), token, row })),
  Unkey: [
    {
      // As web/internal/hash and pkg/hash of Unkey write it.
      label: "the table",
      legacy: Unkey.make({ prefix: "shop_" }),
      token: unkeyToken,
      row: {
        id: "key_1",
        hash: createHash("sha256").update(unkeyToken).digest("base64"),
        start: "shop_3ZaK",
        name: "unkey",
        enabled: 1,
        expires: null,
        deleted_at_m: null,
        created_at_m: 1_700_000_000_000,
      },
    },
  ],
  Sha256: (["hex", "base64", "base64url"] as const).map((encoding) => ({
    label: encoding,
    legacy: Sha256.make({ columns: { expiresAt: null, isActive: null } }),
    token: homeMade,
    row: { id: 7, key_hash: createHash("sha256").update(homeMade).digest(encoding) },
  })),
}

const record = ({ legacy, row }: Vector) => Result.getOrThrow(legacy.readRow(row))
const change = (text: string, at: number): string => text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1)

for (const [system, vectors] of Object.entries(systems)) {
  describe(system, () => {
    for (const vector of vectors) {
      const { legacy, token, label, row } = vector
      it.effect(`goes on with ${label}`, () =>
        Effect.gen(function* () {
          const { keyId, hash, id } = record(vector)
          const candidates = legacy.parse(token)
          assert.deepStrictEqual(
            candidates.map((candidate) => candidate.keyId),
            [keyId],
          )
          const { secret } = candidates[0]!
          assert.isTrue(yield* legacy.verify(secret, hash))
          const text = Redacted.value(secret)
          for (const wrong of [
            change(text, 0),
            text.slice(1),
            `x${text}`,
            "",
            text.toUpperCase() === text ? `${text}y` : text.toUpperCase(),
          ]) {
            assert.isFalse(yield* legacy.verify(Redacted.make(wrong), hash), wrong)
          }
          assert.isTrue(Schema.is(ApiKeyId)(id))
          assert.isTrue(Schema.is(KeyId)(keyId))
          assert.strictEqual(record(vector).id, id)
          // The same row from CSV, where all is text.
          const csv = Object.fromEntries(
            Object.entries(row).map(([column, value]) => [
              column,
              value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value),
            ]),
          )
          assert.deepStrictEqual(Result.getOrThrow(legacy.readRow(csv)), record(vector))
        }),
      )
    }

    const vector = vectors[0]!
    const { legacy, token } = vector

    it.effect("takes no changed hash for the right one", () =>
      Effect.gen(function* () {
        // One of each kind of hash, which the fixtures have the cheapest of first.
        const kinds = new Map<string, Vector>()
        for (const vector of vectors) {
          const kind = Redacted.value(record(vector).hash).split("$", 3).join("$")
          if (!kinds.has(kind)) kinds.set(kind, vector)
        }
        for (const { legacy, token, row } of kinds.values()) {
          const text = Redacted.value(Result.getOrThrow(legacy.readRow(row)).hash)
          const { secret } = legacy.parse(token)[0]!
          const isRefused = (hash: string) =>
            Effect.map(Effect.exit(legacy.verify(secret, Redacted.make(hash))), (exit) => {
              assert.isTrue(Exit.isFailure(exit) ? Cause.squash(exit.cause) instanceof HasherError : !exit.value, hash)
            })
          for (let at = 0; at < text.length; at++) {
            const [before, character, after] = [text.slice(0, at), text[at]!, text.slice(at + 1)]
            const others = new Set(["A", "0", String((Number.parseInt(character, 10) + 1) % 10), character.toUpperCase(), ""])
            for (const other of others) if (other !== character) yield* isRefused(before + other + after)
            yield* isRefused(before)
            yield* isRefused(`${before}0${text.slice(at)}`)
          }
          for (const tail of ["=", " ", "\n", "$", "A", "\0"]) yield* isRefused(text + tail)
        }
      }),
    )

    it.effect("calls a foreign hash unsupported", () =>
      Effect.gen(function* () {
        const { secret } = legacy.parse(token)[0]!
        const foreign = Object.values(systems).flatMap((others) => others.map((other) => Redacted.value(record(other).hash)))
        const own = new Set(vectors.map((vector) => Redacted.value(record(vector).hash).split("$", 2).join()))
        for (const hash of ["", "$", "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAA$AAAA", "🔑".repeat(300), ...foreign]) {
          if (own.has(hash.split("$", 2).join())) continue
          const error = yield* Effect.flip(legacy.verify(secret, Redacted.make(hash)))
          assert.strictEqual(error.reason, "UnsupportedHash", hash)
        }
      }),
    )

    it.effect.prop(
      "parses any text",
      { text: Schema.String },
      ({ text }) =>
        Effect.sync(() => {
          for (const input of [text, token.slice(0, 5) + text, token + text, text.repeat(100)]) {
            const candidates = legacy.parse(input)
            assert.isAtMost(candidates.length, 4)
            for (const { keyId, secret } of candidates) {
              assert.isTrue(Schema.is(KeyId)(keyId))
              assert.isAbove(Redacted.value(secret).length, 0)
              assert.isAtMost(input.length, 512)
            }
          }
        }),
      { arbitrary: { runs: 100 } },
    )

    it("refuses what no token is", () => {
      for (const text of ["", `${token}${"x".repeat(513)}`, `${token}\ud800`, `${token}\0`]) assert.deepStrictEqual(legacy.parse(text), [])
    })

    it("shows neither hash nor secret", () => {
      const broken = Object.fromEntries(
        Object.entries(vector.row).map(([column, value]) => [column, typeof value === "string" ? `${value}!` : value]),
      )
      const { hash } = record(vector)
      const shown = [record(vector), legacy.parse(token), legacy.readRow(broken)].flatMap((value) => [
        inspect(value, { depth: 9, showHidden: true }),
        JSON.stringify(value),
      ])
      for (const text of shown) {
        assert.notInclude(text, Redacted.value(hash).slice(-40))
        assert.notInclude(text, token.slice(-20))
      }
    })
  })
}
