/** Moving keys between databases and systems, in memory. `sql/transfer.test.ts` does it with PostgreSQL and PGlite. */
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Redacted, Result, Schema } from "effect"
import { ApiKey, StoredApiKey } from "../../src/ApiKey.ts"
import * as ApiKeyTransfer from "../../src/ApiKeyTransfer.ts"
import { readBySchema } from "../../src/internal/transfer/line.ts"
import { set } from "../../src/Scope.ts"
import { arbitraries, makeStoredApiKey } from "../../src/testing.ts"
import { plain } from "../support/transfer.ts"
import { encodeLine, rowOf } from "./support.ts"

describe("a line", () => {
  const at = DateTime.makeUnsafe("2026-01-02T03:04:05.678Z")
  const stored = makeStoredApiKey({
    name: "ci",
    scopes: set("a", "b:*"),
    metadata: { team: { "a b": [1, null, "ü"] } },
    policies: { quota: { perDay: 5 } },
    rotatedAt: at,
    previous: { keyId: makeStoredApiKey().apiKey.keyId, hint: "wxyz", expiresAt: null, graceSeconds: 60, lastUsedAt: at },
    hash: "$hash",
    previousHash: "$before",
  })

  it("holds every field of the record, and both hashes", () => {
    const line = encodeLine(stored)
    assert.isTrue(line.endsWith("}\n"))
    assert.strictEqual(line.trim().includes("\n"), false)
    const { apiKey } = stored
    assert.deepStrictEqual(rowOf(line), {
      format: "effect-api-key",
      version: 1,
      apiKey: {
        id: apiKey.id,
        keyId: apiKey.keyId,
        prefix: "ak",
        name: "ci",
        description: null,
        ownerId: null,
        scopes: ["a", "b:*"],
        metadata: { team: { "a b": [1, null, "ü"] } },
        policies: { quota: { perDay: 5 } },
        isActive: true,
        deactivatedAt: null,
        deactivationReason: null,
        expiresAt: null,
        createdAt: "2026-01-01T00:00:00.000Z",
        updatedAt: "2026-01-01T00:00:00.000Z",
        lastUsedAt: null,
        hint: "abcd",
        version: 1,
        rotatedAt: "2026-01-02T03:04:05.678Z",
        previous: {
          keyId: apiKey.previous?.keyId,
          hint: "wxyz",
          expiresAt: null,
          graceSeconds: 60,
          lastUsedAt: "2026-01-02T03:04:05.678Z",
        },
      },
      hash: "$hash",
      previousHash: "$before",
    })
    const { hash: _hash, previousHash: _previousHash, ...without } = rowOf(line)
    assert.deepStrictEqual(rowOf(encodeLine(apiKey)), without)
  })

  it("comes back with its policies, and with none if it was written before there were any", () => {
    assert.deepStrictEqual(Result.getOrThrow(ApiKeyTransfer.readRow(rowOf(encodeLine(stored)))).apiKey.policies, stored.apiKey.policies)
    const plain = makeStoredApiKey()
    for (const key of [stored, plain]) {
      const row = rowOf(encodeLine(key))
      const { policies: _policies, ...before } = row.apiKey
      assert.isNull(Result.getOrThrow(ApiKeyTransfer.readRow({ ...row, apiKey: before })).apiKey.policies)
      const { metadata: _metadata, ...without } = row.apiKey
      assert.deepInclude(Result.getOrThrow(Result.flip(ApiKeyTransfer.readRow({ ...row, apiKey: without }))), { field: "apiKey.metadata" })
      for (const policies of [{}, { "not a kind": 1 }, undefined]) {
        assert.deepInclude(Result.getOrThrow(Result.flip(ApiKeyTransfer.readRow({ ...row, apiKey: { ...before, policies } }))), {
          field: "apiKey.policies",
        })
      }
    }
  })

  it("is refused for what it is, without a word of its hash", () => {
    const row = rowOf(encodeLine(stored))
    const { hash: _hash, ...withoutHash } = row
    const { previousHash: _previousHash, ...withoutPrevious } = row
    const record = (fields: object) => ({ ...row, apiKey: { ...row.apiKey, ...fields } })
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      [null, "row"],
      [[row], "row"],
      ["text", "row"],
      [{ ...row, format: "another" }, "format"],
      [{ ...row, version: 2 }, "version"],
      [{ ...row, version: "1" }, "version"],
      [withoutHash, "hash"],
      [withoutPrevious, "previousHash"],
      [{ ...record({ previous: null }) }, "previousHash"],
      [{ ...row, hash: 5 }, "hash"],
      [{ ...row, hash: "$hash\0" }, "hash"],
      [{ ...row, hash: "$hash".repeat(2_000) }, "hash"],
      [{ ...row, previousHash: "$before\ud800" }, "previousHash"],
      [{ ...row, more: 1 }, "more"],
      [{ ...row, ["$hash more"]: 1 }, "row"],
      [record({ more: 1 }), "apiKey.more"],
      [record({ id: "7" }), "apiKey.id"],
      [record({ keyId: "a b" }), "apiKey.keyId"],
      [record({ prefix: "a\0" }), "apiKey.prefix"],
      [record({ hint: "a".repeat(513) }), "apiKey.hint"],
      [record({ name: "a\0" }), "apiKey.name"],
      [record({ metadata: JSON.parse('{"__proto__":{}}') }), "apiKey.metadata"],
      [record({ createdAt: "10000-01-01T00:00:00Z" }), "apiKey.createdAt"],
      [record({ version: 2_147_483_648 }), "apiKey.version"],
      [record({ previous: { ...row.apiKey.previous, keyId: stored.apiKey.keyId } }), "apiKey.previous.keyId"],
      [record({ previous: { ...row.apiKey.previous, hint: "\ud800" } }), "apiKey.previous.hint"],
      [record({ previous: { ...row.apiKey.previous, more: 1 } }), "apiKey.previous.more"],
    ]
    for (const [input, field] of cases) {
      const refused = Result.getOrThrow(Result.flip(ApiKeyTransfer.readRow(input)))
      assert.deepStrictEqual([refused._tag, refused.field], ["InvalidInput", field])
      assert.notInclude(refused.reason, "$")
    }
    assert.isTrue(Result.isSuccess(ApiKeyTransfer.readRow(row)))
    const newer = Result.getOrThrow(Result.flip(ApiKeyTransfer.readRow({ ...row, version: 2, more: 1 })))
    assert.strictEqual(newer.reason, "Only version 1 can be read")
  })

  /** What is at the edge of the allowed, in another form, or not allowed. */
  const odd: ReadonlyArray<unknown> = [
    null,
    "",
    " x ",
    "x\0",
    "a".repeat(129),
    "a".repeat(1_001),
    0,
    1.5,
    -1,
    2 ** 53,
    true,
    [],
    ["b", "a"],
    ["a", "a"],
    ["A"],
    {},
    { a: { b: [1] } },
    "1970-01-01T00:00:00.000Z",
    "1969-12-31T23:59:59.999Z",
    "2026-02-30T00:00:00.000Z",
    "2026-02-01T24:00:00.000Z",
    "2026-02-01T00:00:60.000Z",
    "2026-02-01T00:00:00Z",
    "2026-02-01",
    "9999-12-31T23:59:59.999Z",
    "+010000-01-01T00:00:00.000Z",
    { keyId: "k", hint: "", expiresAt: null, graceSeconds: 1, lastUsedAt: null },
  ]
  const fieldNames = Object.keys(ApiKey.fields)

  it.effect.prop(
    "is read as the schema reads it",
    {
      key: arbitraries.storedApiKey,
      field: Schema.Literals(["nothing", "hash", "previousHash", "more", "apiKey.more", ...fieldNames]),
      value: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: odd.length - 1 })),
    },
    ({ key, field, value }) =>
      Effect.sync(() => {
        const row = rowOf(encodeLine(key))
        const shape = (read: ReturnType<typeof ApiKeyTransfer.readRow>) =>
          Result.isSuccess(read) ? plain(read.success) : { field: read.failure.field, reason: read.failure.reason }
        if (field === "apiKey.more" || fieldNames.includes(field)) row.apiKey[field.replace("apiKey.", "")] = odd[value]
        else if (field !== "nothing") row[field] = odd[value]
        assert.deepStrictEqual(shape(ApiKeyTransfer.readRow(row)), shape(readBySchema(row)))
        if (field === "nothing" && key.apiKey.previous?.keyId !== key.apiKey.keyId)
          assert.deepStrictEqual(shape(ApiKeyTransfer.readRow(row)), plain(key))
      }),
    { arbitrary: { runs: 1_000 } },
  )

  it("gives hashes that no log shows", () => {
    const read = Result.getOrThrow(ApiKeyTransfer.readRow(rowOf(encodeLine(stored))))
    assert.notInclude(inspect(read, { depth: 9, showHidden: true }), "$hash")
    assert.deepStrictEqual([Redacted.value(read.hash), read.hash.label], ["$hash", "hash"])
    assert.deepStrictEqual(read.previousHash?.label, "hash")
  })
})

describe("what the schema says", () => {
  it("is what a line is", () => {
    const key = makeStoredApiKey()
    const decoded = Schema.decodeUnknownSync(ApiKeyTransfer.ExportedKey)(rowOf(encodeLine(key)))
    assert.instanceOf(decoded.apiKey, ApiKey)
    assert.deepStrictEqual(plain(new StoredApiKey({ apiKey: decoded.apiKey, hash: decoded.hash!, previousHash: null })), plain(key))
  })
})
