import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import * as BetterAuth from "../../../src/legacy/BetterAuth.ts"
import * as FastapiApiKey from "../../../src/legacy/FastapiApiKey.ts"
import * as Keypal from "../../../src/legacy/Keypal.ts"
import * as PrefixedApiKey from "../../../src/legacy/PrefixedApiKey.ts"
import * as Sha256 from "../../../src/legacy/Sha256.ts"
import * as Unkey from "../../../src/legacy/Unkey.ts"
import betterAuth from "../fixtures/better-auth.json" with { type: "json" }
import fastapi from "../fixtures/fastapi.json" with { type: "json" }
import keypal from "../fixtures/keypal.json" with { type: "json" }
import { read, refusal, assertHas, at, without, digest } from "./support.ts"

describe("the whole record", () => {
  it("of fastapi-api-key", () => {
    const legacy = FastapiApiKey.make({ pepper: Redacted.make("p"), prefix: "ak" })
    const row = {
      ...fastapi[2]!.row,
      name: "  CI  ",
      description: "builds",
      scopes: '["invoices:read", "a", "a"]',
      expires_at: new Date("2030-01-01T00:00:00Z"),
      last_used_at: "2025-11-01 10:00:00",
      is_active: "t",
    }
    const { hash, ...record } = read(legacy, row)
    assert.strictEqual(Redacted.value(hash), `$legacy-fastapi${row.key_hash}`)
    assert.deepStrictEqual<unknown>(record, {
      id: record.id,
      keyId: row.key_id,
      prefix: "ak",
      name: "CI",
      description: "builds",
      ownerId: null,
      scopes: ["a", "invoices:read"],
      metadata: {},
      isActive: true,
      expiresAt: at("2030-01-01T00:00:00Z"),
      createdAt: at("2025-10-03T12:02:00.123Z"),
      updatedAt: at("2025-10-03T12:02:00.123Z"),
      lastUsedAt: at("2025-11-01T10:00:00Z"),
      hint: fastapi[2]!.secret.slice(-4),
    })
    // The time and then a digest of the system's name and id.
    const random = createHash("sha256").update(`fastapi-api-key\0${row.id}`).digest("hex")
    assert.strictEqual(record.id.slice(0, 13).replace("-", ""), record.createdAt.epochMilliseconds.toString(16).padStart(12, "0"))
    assert.strictEqual(record.id.slice(15, 18), random.slice(0, 3))
    assert.strictEqual(record.id.slice(21).replace("-", ""), random.slice(5, 19))
  })

  it("of better-auth", () => {
    const { row, token } = betterAuth[2]!
    const record = read(BetterAuth.make(), { ...row, configId: "shop", lastRequest: null })
    assertHas(record, {
      prefix: "shop_",
      name: "full",
      ownerId: row.referenceId,
      scopes: ["files:read", "invoices:read", "invoices:write"],
      metadata: { configId: "shop", plan: "gold", seats: [1, 2] },
      isActive: true,
      lastUsedAt: null,
      hint: "",
    })
    // Metadata that older versions wrote as JSON in JSON, a table of theirs in snake case, and times in seconds.
    const old = {
      id: "1",
      key: row.key,
      user_id: "u",
      enabled: 0,
      expires_at: 1_800_000_000,
      created_at: 1_700_000_000,
      metadata: '"{\\"a\\":1}"',
    }
    assertHas(read(BetterAuth.make(), old), {
      ownerId: "u",
      isActive: false,
      metadata: { a: 1 },
      expiresAt: at("2027-01-15T08:00:00Z"),
      createdAt: at("2023-11-14T22:13:20Z"),
    })
    assert.deepStrictEqual(refusal(BetterAuth.make(), { ...row, key: token })[0], "key")
    assert.deepStrictEqual(refusal(BetterAuth.make(), { ...row, permissions: '{"Files":["read"]}' })[0], "permissions")
    assert.deepStrictEqual(
      read(BetterAuth.make({ scopes: () => ["files:read"] }), { ...row, permissions: '{"Files":["read"]}' }).scopes.map(String),
      ["files:read"],
    )
  })

  it("of keypal", () => {
    const [plain, revoked, full] = keypal
    assertHas(read(Keypal.make(), plain!.row), { name: "Imported key", ownerId: "user_1", isActive: true, metadata: {} })
    assert.isFalse(read(Keypal.make(), revoked!.row).isActive)
    const record = read(Keypal.make({ prefix: "sk_live_" }), full!.row)
    assertHas(record, {
      prefix: "sk_live_",
      name: "full",
      description: "all there is",
      scopes: ["read", "write"],
      metadata: { resources: { "website:1": ["read"] }, tags: ["prod"] },
      expiresAt: at("2031-12-31T00:00:00Z"),
    })
    const { id, keyHash, metadata } = full!.row
    const { ownerId, ...others } = metadata
    const flat = {
      ...others,
      id,
      key_hash: keyHash,
      owner_id: ownerId,
      tags: '["prod"]',
      resources: JSON.stringify(metadata.resources),
    }
    assert.deepStrictEqual(read(Keypal.make({ prefix: "sk_live_" }), flat), record)
    assert.deepStrictEqual(
      read(Keypal.make({ prefix: "sk_live_", columns: { metadata: "key_metadata" } }), {
        id,
        keyHash,
        key_metadata: JSON.stringify(metadata),
      }),
      record,
    )
    assert.strictEqual(refusal(Keypal.make({ algorithm: "sha512" }), plain!.row)[0], "keyHash")
  })

  it("of Unkey, from its table and from its API", () => {
    const table = {
      id: "key_2",
      hash: digest.toString("base64"),
      start: "shop_abcd",
      name: "n",
      identity_id: "id_1",
      external_id: "user_1",
      meta: '{"plan":"gold"}',
      environment: "live",
      permissions: '["documents:read"]',
      expires: "2030-01-01 00:00:00.000",
      enabled: 1,
      deleted_at_m: null,
      created_at_m: "1700000000000",
      updated_at_m: 1_700_000_001_000n,
      last_used_at: 0,
      remaining_requests: 0,
    }
    const record = read(Unkey.make(), table)
    assertHas(record, {
      prefix: "shop",
      ownerId: "user_1",
      scopes: ["documents:read"],
      metadata: { environment: "live", plan: "gold" },
      isActive: true,
      expiresAt: at("2030-01-01T00:00:00Z"),
      updatedAt: at("2023-11-14T22:13:21Z"),
      lastUsedAt: null,
    })
    assert.isFalse(read(Unkey.make(), { ...table, deleted_at_m: 1_700_000_002_000 }).isActive)
    assert.strictEqual(read(Unkey.make(), { ...table, external_id: null }).ownerId, "id_1")
    const api = {
      keyId: "key_2",
      plaintext: "token",
      start: "toke",
      enabled: true,
      createdAt: 1_700_000_000_000,
      identity: { externalId: "user_1" },
    }
    assertHas(read(Unkey.make(), api), { id: record.id, keyId: record.keyId, ownerId: "user_1", hint: "oken", prefix: "" })
    assert.strictEqual(refusal(Unkey.make(), { ...table, hash: digest.toString("hex") })[0], "hash")
    assert.deepStrictEqual(refusal(Unkey.make(), { ...table, permissions: ["documents.*"] })[0], "permissions")
    for (const column of ["enabled", "deleted_at_m", "expires", "created_at_m"]) {
      assert.deepStrictEqual(refusal(Unkey.make(), without(table, column)), [column, "The row has no such column"])
    }
    const renamed = { ...without(table, "expires"), ends: table.expires }
    assert.deepStrictEqual(read(Unkey.make({ columns: { expiresAt: "ends" } }), renamed), record)
    assert.isNull(read(Unkey.make({ columns: { expiresAt: null } }), renamed).expiresAt)
    assert.deepStrictEqual(refusal(Unkey.make({ columns: { expiresAt: "end" } }), renamed)[0], "end")
  })

  it("of a home-made table", () => {
    const legacy = Sha256.make({ columns: { hash: "fingerprint", ownerId: "customer" } })
    const row = {
      expires_at: null,
      id: 7,
      fingerprint: new Uint8Array(digest),
      customer: 42,
      revoked_at: null,
      active: "true",
      scopes: "{read,write}",
    }
    const record = read(legacy, row)
    assertHas(record, { ownerId: "42", isActive: true, scopes: ["read", "write"], createdAt: at("1970-01-01T00:00:00Z") })
    for (const hash of [digest.toString("hex").toUpperCase(), `\\x${digest.toString("hex")}`, digest.toString("base64url")]) {
      assert.deepStrictEqual(read(legacy, { ...row, fingerprint: hash }), record)
    }
    for (const revoked of [
      { revoked_at: "2025-01-01" },
      { revoked_at: new Date() },
      { active: "f" },
      { deleted: 1 },
      { disabled: "yes" },
    ]) {
      assert.isFalse(read(legacy, { ...row, ...revoked }).isActive, JSON.stringify(revoked))
    }
    for (const kept of [{ revoked_at: "" }, { revoked_at: "NULL" }, { deleted: 0 }, { disabled: "false" }]) {
      assert.isTrue(read(legacy, { ...row, ...kept }).isActive, JSON.stringify(kept))
    }
    assert.deepStrictEqual(refusal(legacy, without(row, "customer")), ["customer", "The row has no such column"])
    assert.strictEqual(refusal(legacy, { ...row, active: null })[0], "active")
    // Without an id the hash stands for it, and two tables don't share their ids.
    assert.strictEqual(read(legacy, without(row, "id")).id, read(legacy, without(row, "id")).id)
    assert.notStrictEqual(read(legacy, without(row, "id")).id, record.id)
    assert.notStrictEqual(read(Sha256.make({ name: "other", columns: { hash: "fingerprint" } }), row).id, record.id)
  })

  it("of prefixed-api-key", () => {
    const row = {
      expires_at: "",
      revoked_at: "",
      short_token: "BRTRKFsL",
      long_token_hash: digest.toString("hex"),
      user_id: "u",
      created_at: "2024-05-06T07:08:09Z",
    }
    const record = read(PrefixedApiKey.make({ prefix: "mycompany" }), row)
    assertHas(record, { prefix: "mycompany", ownerId: "u", createdAt: at("2024-05-06T07:08:09Z") })
    assert.strictEqual<string>(record.keyId, "mycompany_BRTRKFsL")
  })
})
