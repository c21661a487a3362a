import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import * as BetterAuth from "../../../src/legacy/BetterAuth.ts"
import * as Django from "../../../src/legacy/Django.ts"
import * as FastapiApiKey from "../../../src/legacy/FastapiApiKey.ts"
import * as Keypal from "../../../src/legacy/Keypal.ts"
import * as PrefixedApiKey from "../../../src/legacy/PrefixedApiKey.ts"
import * as Sha256 from "../../../src/legacy/Sha256.ts"
import * as Unkey from "../../../src/legacy/Unkey.ts"
import type { OwnerRule } from "../../../src/internal/legacy/owner.ts"
import type { LegacyTokens } from "../../../src/LegacyTokens.ts"
import betterAuth from "../fixtures/better-auth.json" with { type: "json" }
import fastapi from "../fixtures/fastapi.json" with { type: "json" }
import keypal from "../fixtures/keypal.json" with { type: "json" }
import { type Row, read, refusal, assertHas, at, without, digest } from "./support.ts"

describe("rows", () => {
  const legacy = Sha256.make()
  const row = { id: 1, hash: digest.toString("hex"), created_at: "2024-01-01", expires_at: null, revoked_at: null }
  const createdAt = (created_at: unknown) => read(legacy, { ...row, created_at }).createdAt

  it("keep an id that is a UUIDv7", () => {
    const id = "018F4E3C-7B2A-7C3D-9E4F-0123456789AB"
    assert.strictEqual<string>(read(legacy, { ...row, id }).id, id.toLowerCase())
    assert.notStrictEqual<string>(read(legacy, { ...row, id: id.replace("-7C3D", "-4C3D") }).id, id.toLowerCase())
  })

  it("have times in many forms", () => {
    for (const time of [
      "2024-02-29T03:04:05.678Z",
      "2024-02-29 03:04:05.678",
      "2024-02-29 03:04:05.678999+00",
      "2024-02-29 08:34:05.678+05:30",
      "2024-02-28T19:04:05.678-0800",
      "2024-02-29 03:04:05.678 UTC",
      1_709_175_845_678,
      "1709175845678",
      1_709_175_845_678n,
      1_709_175_845.678,
      new Date("2024-02-29T03:04:05.678Z"),
    ]) {
      assert.deepStrictEqual(createdAt(time), at("2024-02-29T03:04:05.678Z"), String(time))
    }
    assert.deepStrictEqual(createdAt("2024-02-29"), at("2024-02-29T00:00:00Z"))
    // A day, and not so many seconds since 1970.
    for (const time of ["20240229", 20_240_229, "20240229000000"]) {
      assert.deepStrictEqual(createdAt(time), at("2024-02-29T00:00:00Z"), String(time))
    }
    for (const time of [
      "2023-02-29",
      "20230229",
      20_231_301,
      "20240229246060",
      "2024-02-29T25:00:00Z",
      "yesterday",
      new Date(Number.NaN),
      Number.NaN,
      {},
      true,
      "0070-01-01",
      -1,
      "9".repeat(16),
    ]) {
      assert.strictEqual(refusal(legacy, { ...row, created_at: time })[0], "created_at", String(time))
    }
  })

  it("hold nothing where it says NULL, as printed tables do", () => {
    const printed = { ...row, name: "NULL", user_id: "NULL", description: "NULL", scopes: "NULL", metadata: "NULL", created_at: "NULL" }
    const empty = {
      name: "Imported key",
      ownerId: null,
      description: null,
      scopes: [],
      metadata: {},
      createdAt: at("1970-01-01T00:00:00Z"),
    }
    assertHas(read(legacy, printed), empty)
    assertHas(read(legacy, { ...printed, name: "null", user_id: "null" }), empty)
    assertHas(read(legacy, { ...printed, name: "Null", user_id: "Nullman" }), { name: "Null", ownerId: "Nullman" })
    assert.deepStrictEqual(refusal(legacy, { ...row, hash: "NULL" })[0], "hash")
    const theirs = { ...betterAuth[0]!.row, name: "NULL", referenceId: "NULL", userId: "NULL", expiresAt: "NULL" }
    assertHas(read(BetterAuth.make(), theirs), { name: "Imported key", ownerId: null, expiresAt: null })
    const [{ row: forerunner }] = [fastapi[0]!]
    assertHas(read(FastapiApiKey.make({ pepper: Redacted.make("p") }), { ...forerunner, name: "NULL" }), { name: "Imported key" })
  })

  it("of which a column tells the kind of owner are refused, unless a rule keeps the owners apart", () => {
    const unkey = { id: 1, hash: digest.toString("base64"), enabled: 1, expires: null, deleted_at_m: null, created_at_m: 1 }
    const django = {
      id: "p.x",
      prefix: "p",
      hashed_key: `sha512$$${"a".repeat(128)}`,
      created: "2024-01-01",
      expiry_date: null,
      revoked: 0,
    }
    const prefixed = { short_token: "t", long_token_hash: digest.toString("hex"), expires_at: null, is_active: true }
    const { row: auth } = betterAuth[0]!
    const { row: nested } = keypal[0]!
    const systems: ReadonlyArray<readonly [(options: { owner?: OwnerRule }) => LegacyTokens, Row, string]> = [
      [Sha256.make, row, "owner_id"],
      [Unkey.make, unkey, "owner_id"],
      [BetterAuth.make, { ...auth, referenceId: "x" }, "referenceId"],
      [Keypal.make, { ...nested, ownerId: "x" }, "ownerId"],
      [(options) => PrefixedApiKey.make({ ...options, prefix: "p" }), prefixed, "owner_id"],
      [Django.make, django, "owner_id"],
      [(options) => FastapiApiKey.make({ ...options, pepper: Redacted.make("p") }), fastapi[0]!.row, "owner_id"],
    ]
    for (const [make, own, ownerColumn] of systems) {
      for (const kind of ["owner_type", "ownerType", "tokenable_type", "referenceType", "subject_type", "user_kind", "content_type_id"]) {
        const [user, organisation] = ["user", "org"].map((type) => ({ ...own, [ownerColumn]: "1", [kind]: type }))
        const [field, reason] = refusal(make({}), user!)
        assert.strictEqual(field, kind)
        assert.include(reason, `the option owner (--owner) who the owner is, such as "{${kind}}:`)
        const legacy = make({ owner: `{${kind}}:{${ownerColumn}}` })
        assert.strictEqual(read(legacy, user!).ownerId, "user:1")
        assert.strictEqual(read(legacy, organisation!).ownerId, "org:1")
        // Where the ids are told apart already.
        assert.strictEqual(read(make({ owner: `{${ownerColumn}}` }), user!).ownerId, "1")
      }
    }
    // A column of one's own.
    const own = { ...row, bearer_no: "1", tool_id: "1", tool_type: "robot" }
    assert.deepStrictEqual(refusal(Sha256.make({ columns: { ownerId: "tool_id" } }), own)[0], "tool_type")
    assert.strictEqual(read(Sha256.make({ columns: { ownerId: "bearer_no" } }), own).ownerId, "1")
    assert.isNull(read(Sha256.make({ columns: { ownerId: null } }), { ...row, owner_type: "user", owner_id: "1" }).ownerId)
    // Two columns of which one is filled say the kind too.
    const exclusive = { ...row, user_id: "1", organization_id: null }
    assert.deepStrictEqual(refusal(legacy, exclusive)[0], "organization_id")
    const rule = ["user:{user_id}", "org:{organization_id}"]
    assert.strictEqual(read(Sha256.make({ owner: rule }), exclusive).ownerId, "user:1")
    assert.strictEqual(read(Sha256.make({ owner: rule }), { ...exclusive, user_id: "", organization_id: "1" }).ownerId, "org:1")
    assert.isNull(read(Sha256.make({ owner: rule }), { ...exclusive, user_id: "NULL" }).ownerId)
    // Configurations of better-auth may be of users and of organisations, which share ids where these are numbers.
    assert.deepStrictEqual(refusal(BetterAuth.make(), { ...auth, configId: "orgs", referenceId: "1" })[0], "configId")
    assert.deepStrictEqual(refusal(BetterAuth.make(), { ...auth, configId: "default", referenceId: 1 })[0], "configId")
    const numbered = BetterAuth.make({ owner: "{configId}:{referenceId}" })
    assert.strictEqual(read(numbered, { ...auth, configId: "orgs", referenceId: 1 }).ownerId, "orgs:1")
  })

  it("get an owner by a rule, or are refused for what the rule lacks", () => {
    const owned = { ...row, type: "user", id_of: "1", tenant: null }
    const owner = (rule: OwnerRule, more: Row = {}) => read(Sha256.make({ owner: rule }), { ...owned, ...more }).ownerId
    const refused = (rule: OwnerRule, more: Row = {}) => refusal(Sha256.make({ owner: rule }), { ...owned, ...more })
    assert.strictEqual(owner("{type}/{id_of}!"), "user/1!")
    assert.strictEqual(
      owner(({ type, id_of }) => `${String(type)} ${String(id_of)}`),
      "user 1",
    )
    assert.isNull(owner(() => null))
    assert.isNull(owner("{tenant}"))
    assert.deepStrictEqual(refused("{type}:{tenant}"), ["tenant", "It is empty, and the rule for the owner needs it"])
    assert.deepStrictEqual(refused("{type}:{nothing}"), ["nothing", "The row has no such column"])
    assert.strictEqual(refused("{type}:{id_of}", { type: "a:b" })[0], "type")
    assert.strictEqual(refused("{type}--{id_of}", { type: "a-" })[0], "type")
    assert.strictEqual(owner("{type}--{id_of}", { id_of: "-b" }), "user---b")
    assert.strictEqual(owner("{type}:{id_of}", { id_of: "b:c" }), "user:b:c")
    assert.strictEqual(refused("{type}:{id_of}", { id_of: "x".repeat(200) })[0], "owner_id")
    assert.strictEqual(refused(() => "x".repeat(201))[0], "owner_id")
    for (const rule of [
      "",
      "user",
      "{type}{id_of}",
      "{type}:{id_of",
      "type}:{id_of}",
      "{}:{id_of}",
      [],
      ["{type}", "{id_of}"],
      ["a{type}", "ab{id_of}"],
    ]) {
      const [field, reason] = refused(rule)
      assert.strictEqual(field, "owner")
      assert.match(reason ?? "", /\{owner_type\}:\{owner_id\}|user:\{user_id\}/, String(rule))
    }
  })

  it("without an id are of one key by their token, whatever else they say", () => {
    const bare = { hash: digest.toString("hex"), name: "ci", user_id: "1", created_at: "2024-01-01", expires_at: null, revoked_at: null }
    const { id } = read(legacy, bare)
    assert.strictEqual(read(legacy, { ...bare, last_used_at: "2024-02-01" }).id, id)
    for (const other of [
      { name: "cd" },
      { user_id: "2" },
      { created_at: "2024-01-02" },
      { expires_at: "2030-01-01" },
      { revoked_at: "2024-02-01" },
    ]) {
      // Without the time of creation, with which both begin.
      assert.strictEqual(read(legacy, { ...bare, ...other }).id.slice(13), id.slice(13), JSON.stringify(other))
    }
    assert.notStrictEqual(read(legacy, { ...bare, hash: "0".repeat(64) }).id.slice(13), id.slice(13))
  })

  it("are refused by the column that can't be kept", () => {
    const cases: ReadonlyArray<readonly [string, unknown]> = [
      ["name", "x".repeat(129)],
      ["name", "a\0b"],
      ["name", {}],
      ["description", "x".repeat(1_001)],
      ["user_id", "x".repeat(201)],
      ["scopes", ["Read"]],
      ["scopes", Array.from({ length: 101 }, (_, index) => `s${index}`)],
      ["scopes", [1]],
      ["metadata", "{"],
      ["metadata", [1]],
      ["metadata", { a: "x".repeat(9_000) }],
      ["expires_at", "soon"],
      ["is_active", "perhaps"],
      ["hash", "x"],
      ["hash", digest.toString("hex").slice(2)],
      ["hash", null],
      ["hash", 5],
    ]
    for (const [column, value] of cases) {
      const [field, reason] = refusal(legacy, { ...row, [column]: value })
      assert.strictEqual(field, column)
      assert.notInclude(reason, "xxxx")
    }
  })

  it("leave nothing behind in memory", () => {
    setFlagsFromString("--expose-gc")
    const heapUsed = () => {
      // Only a new context has it.
      runInNewContext("gc")()
      return process.memoryUsage().heapUsed
    }
    for (const [legacy, row] of [
      [BetterAuth.make(), betterAuth[0]!.row],
      [Unkey.make(), { id: 1, hash: digest.toString("base64"), enabled: 1, expires: null, deleted_at_m: null, created_at_m: 1 }],
      [Keypal.make(), keypal[0]!.row],
    ] as const) {
      read(legacy, row)
      const before = heapUsed()
      for (let i = 0; i < 10_000; i++) read(legacy, row)
      assert.isBelow(heapUsed() - before, 1e6)
    }
  })

  it("that an export left the expiry or the state out of are refused", () => {
    const django = {
      id: "p.x",
      prefix: "p",
      hashed_key: `sha512$$${"a".repeat(128)}`,
      created: "2024-01-01",
      expiry_date: null,
      revoked: false,
    }
    assert.isTrue(read(Django.make(), django).isActive)
    for (const column of ["expiry_date", "revoked", "created"])
      assert.strictEqual(refusal(Django.make(), without(django, column))[0], column)
    const forerunner = FastapiApiKey.make({ pepper: Redacted.make("p") })
    for (const column of ["expires_at", "is_active", "created_at", "key_id", "key_hash"]) {
      assert.deepStrictEqual(refusal(forerunner, without(fastapi[0]!.row, column)), [column, "The row has no such column"])
    }
    for (const column of ["expiresAt", "enabled"]) {
      assert.strictEqual(refusal(BetterAuth.make(), without(betterAuth[0]!.row, column))[0], column)
    }
    const { row: nested } = keypal[0]!
    for (const column of ["expiresAt", "enabled", "revokedAt"]) {
      const metadata = without(nested.metadata, column)
      assert.deepStrictEqual(refusal(Keypal.make(), { ...nested, metadata }), [column, "The row has no such column"])
      assert.strictEqual(refusal(Keypal.make(), { ...metadata, id: "1", key_hash: nested.keyHash })[0], column)
    }
    const prefixed = { short_token: "t", long_token_hash: digest.toString("hex"), expires_at: null, is_active: true }
    for (const [legacy, row] of [
      [Sha256.make(), { id: 1, hash: digest.toString("hex"), expires_at: null, is_active: true }],
      [PrefixedApiKey.make({ prefix: "p" }), prefixed],
    ] as const) {
      assert.isTrue(read(legacy, row).isActive)
      assert.deepStrictEqual(refusal(legacy, without(row, "expires_at")), ["expires_at", "The row has no such column"])
      assert.deepStrictEqual(refusal(legacy, without(row, "is_active")), [
        "is_active",
        "The row has no column that tells whether the key is active",
      ])
    }
    // Unless the table has none.
    const none = Sha256.make({ columns: { expiresAt: null, isActive: null } })
    assertHas(read(none, { id: 1, hash: digest.toString("hex") }), { isActive: true, expiresAt: null })
    assert.isFalse(read(none, { id: 1, hash: digest.toString("hex"), revoked_at: "2020-01-01" }).isActive)
  })

  it("are active until the first of the ends that their columns tell of", () => {
    const bare = { id: 1, hash: digest.toString("hex") }
    const state = (columns: Row) => read(Sha256.make(), { ...bare, expires_at: null, ...columns }).isActive
    for (const columns of [
      { active: true, enabled: false },
      { active: "t", revoked_at: "2020-01-01" },
      { status: "revoked" },
      { status: "Suspended", active: true },
      { state: "pending" },
      { archived_at: "2020-01-01" },
      { status: "active", is_blocked: 1 },
    ]) {
      assert.isFalse(state(columns), JSON.stringify(columns))
    }
    for (const columns of [{ active: true, enabled: 1 }, { status: "ACTIVE" }, { status: "active", revoked: "f" }]) {
      assert.isTrue(state(columns), JSON.stringify(columns))
    }
    for (const status of ["new", 0, 1, "", null]) {
      assert.strictEqual(refusal(Sha256.make(), { ...bare, expires_at: null, status })[0], "status", String(status))
    }
    const end = (columns: Row) => read(Sha256.make(), { ...bare, active: true, ...columns }).expiresAt
    assert.deepStrictEqual(end({ expires_on: "2020-01-01" }), at("2020-01-01T00:00:00Z"))
    assert.deepStrictEqual(end({ expires_at: null, valid_until: "2020-01-01" }), at("2020-01-01T00:00:00Z"))
    assert.deepStrictEqual(end({ expires_at: "2030-01-01", valid_until: "2020-01-01" }), at("2020-01-01T00:00:00Z"))
    assert.deepStrictEqual(
      read(Sha256.make({ columns: { expiresAt: "expires_at" } }), { ...row, valid_until: "2020-01-01" }).expiresAt,
      null,
    )
  })

  it("that have one column in two spellings are refused", () => {
    for (const [column, value] of [
      ["revokedAt", "2020-01-01"],
      ["expiresAt", "2020-01-01"],
      ["HASH", "x"],
    ]) {
      assert.deepStrictEqual(refusal(legacy, { ...row, [column!]: value }), [column, "The row has this column twice, in two spellings"])
    }
    assertHas(read(legacy, { ...row, seen_by: 1, seenBy: 2 }), { isActive: true })
    // A record in keypal's metadata can't stand for the row's own columns.
    const { row: nested } = keypal[0]!
    assert.isFalse(read(Keypal.make(), { ...nested, revoked_at: "2020-01-01" }).isActive)
  })

  it("say which column is wrong that an adapter reads beside the others", () => {
    const { row: nested } = keypal[0]!
    const resources = { a: "x".repeat(9_000) }
    assert.strictEqual(refusal(Keypal.make(), { ...nested, metadata: { ...nested.metadata, resources } })[0], "metadata")
    assert.strictEqual(refusal(Keypal.make(), { ...nested, metadata: { ...nested.metadata, resources: "x" } })[0], "resources")
  })

  it("of better-auth without hashing hold no hashes, which would become tokens", () => {
    const { row: hashed } = betterAuth[0]!
    assert.strictEqual(refusal(BetterAuth.make({ disableKeyHashing: true }), hashed)[0], "key")
  })

  it("with a hash of another hasher are refused", () => {
    const forerunner = FastapiApiKey.make({ pepper: Redacted.make("p") })
    for (const key_hash of [
      "c2FsdA==$secretpepper",
      "$2a$04$x",
      fastapi[0]!.row.key_hash.slice(0, -1),
      fastapi[0]!.row.key_hash.replace("m=64", "m=262145"),
    ]) {
      assert.strictEqual(refusal(forerunner, { ...fastapi[0]!.row, key_hash })[0], "key_hash")
    }
  })
})
