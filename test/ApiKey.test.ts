import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Redacted, Result, Schema } from "effect"
import * as ApiKey from "../src/ApiKey.ts"

const accepts = <A, I>(schema: Schema.Codec<A, I>, input: unknown) => Result.isSuccess(Schema.decodeUnknownResult(schema)(input))
const nested = (depth: number): object => {
  let value: object = {}
  for (let level = 1; level < depth; level++) value = { a: value }
  return value
}

const wire = {
  id: "01a20b62-acce-738b-9957-5f496db93048",
  keyId: "7a74caa323a5410d",
  prefix: "ak",
  name: "n",
  description: null,
  ownerId: "o",
  scopes: ["a:read", "b"],
  metadata: { a: [1, { b: null }] },
  policies: { quota: { perDay: 5 } },
  isActive: true,
  deactivatedAt: null,
  deactivationReason: null,
  expiresAt: "2027-01-31T00:00:00.000Z",
  createdAt: "2026-01-31T00:00:00.000Z",
  updatedAt: "2026-01-31T00:00:00.001Z",
  lastUsedAt: null,
  hint: "abcd",
  version: 2,
  rotatedAt: "2026-01-31T00:00:00.001Z",
  previous: { keyId: "0a74caa323a5410d", hint: "wxyz", expiresAt: "2026-02-01T00:00:00.001Z", graceSeconds: null, lastUsedAt: null },
}

describe("ApiKey", () => {
  it("bounds its texts, in code points, after trimming", () => {
    assert.strictEqual(Schema.decodeUnknownSync(ApiKey.Name)("  n \n"), "n")
    assert.isTrue(accepts(ApiKey.Name, "🔑".repeat(128)))
    for (const name of ["", "   ", "x".repeat(129), "a\0b", "\ud800", 1, null]) assert.isFalse(accepts(ApiKey.Name, name), String(name))
    assert.isTrue(accepts(ApiKey.Description, "x".repeat(1_000)) && accepts(ApiKey.Description, ""))
    assert.isFalse(accepts(ApiKey.Description, "x".repeat(1_001)))
    assert.isTrue(accepts(ApiKey.OwnerId, "x".repeat(200)))
    assert.isFalse(accepts(ApiKey.OwnerId, "x".repeat(201)) || accepts(ApiKey.OwnerId, ""))
  })

  it("bounds its metadata, and takes JSON objects alone", () => {
    assert.isTrue(accepts(ApiKey.Metadata, { a: [1, "é", null, { b: true }] }))
    // Seven bytes of punctuation and the key.
    assert.isTrue(accepts(ApiKey.Metadata, { a: "x".repeat(8_192 - 8) }))
    assert.isFalse(accepts(ApiKey.Metadata, { a: "x".repeat(8_192 - 7) }))
    assert.isFalse(accepts(ApiKey.Metadata, { a: "é".repeat(4_096) }))
    assert.isTrue(accepts(ApiKey.Metadata, nested(32)))
    for (const depth of [33, 30_000]) assert.isFalse(accepts(ApiKey.Metadata, nested(depth)))
    const hostile = [
      [],
      "x",
      null,
      1,
      new Date(),
      new Map(),
      { a: Number.NaN },
      { a: undefined },
      { a: () => 1 },
      { a: 1n },
      { "\0": 1 },
      { a: "\ud800" },
      JSON.parse('{"__proto__":{}}'),
    ]
    for (const value of hostile) assert.isFalse(accepts(ApiKey.Metadata, value))
  })

  it("takes policies by their kinds, as large as metadata", () => {
    for (const good of [{ quota: 1 }, { a: null, networks2: [], hours: { from: 9 } }, { ["q".repeat(32)]: "x" }]) {
      for (const schema of [ApiKey.Policies, Schema.toCodecJson(ApiKey.Policies)])
        assert.isTrue(accepts(schema, good), JSON.stringify(good))
    }
    const bad = [{}, null, [], { Quota: 1 }, { "": 1 }, { "a b": 1 }, { a_b: 1 }, { ["q".repeat(33)]: 1 }, { quota: "x".repeat(8_192) }]
    const hostile = [
      ...bad,
      { quota: undefined },
      { quota: "\0" },
      JSON.parse('{ "__proto__": 1 }'),
      { constructor1: Number.NaN },
      new Date(0),
    ]
    for (const value of hostile) {
      for (const schema of [ApiKey.Policies, Schema.toCodecJson(ApiKey.Policies)]) assert.isFalse(accepts(schema, value), String(value))
    }
  })

  it("answers the deepest JSON with a refusal, as the value of a key and on its own", () => {
    const json = `${'{"a":'.repeat(30_000)}1${"}".repeat(30_000)}`
    const list = `{"a":${"[".repeat(30_000)}${"]".repeat(30_000)}}`
    for (const metadata of [JSON.parse(json), JSON.parse(list)]) {
      for (const schema of [ApiKey.Metadata, Schema.toCodecJson(ApiKey.Metadata)]) assert.isFalse(accepts(schema, metadata))
      const record = Schema.decodeUnknownResult(Schema.toCodecJson(ApiKey.ApiKey))({ ...wire, metadata })
      assert.deepStrictEqual(Result.isFailure(record) && record.failure._tag, "SchemaError")
    }
    assert.isTrue(accepts(Schema.toCodecJson(ApiKey.ApiKey), wire))
    assert.isFalse(accepts(ApiKey.Metadata, { a: Array.from({ length: 100_000 }, () => ({})) }))
  })

  it("comes back from JSON as it was, and never carries a hash there", () => {
    const codec = Schema.toCodecJson(ApiKey.ApiKey)
    const apiKey = Schema.decodeUnknownSync(codec)(wire)
    assert.deepStrictEqual<unknown>(Schema.encodeSync(codec)(apiKey), wire)
    const stored = new ApiKey.StoredApiKey({ apiKey, hash: Redacted.make("$hash$"), previousHash: Redacted.make("$hash$") })
    const encoded = Schema.encodeUnknownResult(Schema.toCodecJson(ApiKey.StoredApiKey))(stored)
    assert.isTrue(Result.isFailure(encoded))
    for (const shown of [
      inspect(stored, { depth: 9, showHidden: true }),
      String(stored),
      JSON.stringify(stored),
      inspect(encoded, { depth: 9 }),
    ])
      assert.isFalse(shown.includes("$hash$"))
  })

  it("ids are UUIDv7, key ids visible ASCII, instants within four-digit years", () => {
    assert.isTrue(accepts(ApiKey.ApiKeyId, "01a20b62-acce-738b-9957-5f496db93048"))
    for (const id of ["01a20b62-acce-438b-9957-5f496db93048", "01A20B62-ACCE-738B-9957-5F496DB93048", "x", ""])
      assert.isFalse(accepts(ApiKey.ApiKeyId, id))
    assert.isTrue(accepts(ApiKey.KeyId, "7a74caa323a5410d"))
    for (const keyId of ["", "a b", "é", "a\n", "x".repeat(129)]) assert.isFalse(accepts(ApiKey.KeyId, keyId))
    assert.isTrue(accepts(ApiKey.Instant, "2027-01-31T00:00:00+02:00"))
    for (const instant of ["1969-12-31T23:59:59Z", "+010000-01-01T00:00:00Z", "soon", ""])
      assert.isFalse(accepts(ApiKey.Instant, instant), instant)
  })

  it("tells its status: inactive before expired, expiry exclusive", () => {
    const now = DateTime.makeUnsafe("2026-01-01T00:00:00Z")
    const millisecond = { milliseconds: 1 }
    assert.strictEqual(ApiKey.status({ isActive: true, expiresAt: null }, now), "active")
    assert.strictEqual(ApiKey.status({ isActive: true, expiresAt: DateTime.add(now, millisecond) }, now), "active")
    assert.strictEqual(ApiKey.status({ isActive: true, expiresAt: now }, now), "expired")
    assert.strictEqual(ApiKey.status({ isActive: false, expiresAt: now }, now), "inactive")
  })
})
