/** What `doctor` finds on a PostgreSQL that somebody has meddled with, and that its advice works. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as PgClient from "@effect/sql-pg/PgClient"
import { afterAll, assert, describe, it, layer } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { ApiKeys, type HashUsage } from "../../src/ApiKeys.ts"
import { examine } from "../../src/internal/cli/doctor.ts"
import { checkClock } from "../../src/internal/cli/doctor/database.ts"
import { judgeHashes } from "../../src/internal/cli/doctor/hashes.ts"
import { layerDatabase } from "../../src/internal/cli/database.ts"
import type { Finding } from "../../src/internal/cli/Json.ts"
import { checkIssuedPrefix, checkPrefixOf } from "../../src/internal/cli/issuedPrefix.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as Pglite from "../../src/sql/Pglite.ts"
import { repair } from "../../src/internal/sql/repair.ts"
import { startPostgres } from "../support/postgres.ts"

type Found = typeof Finding.Type

class Postgres extends Context.Service<Postgres, { readonly url: Redacted.Redacted }>()("test/Postgres") {
  static readonly layer = Layer.effect(
    Postgres,
    Effect.map(startPostgres(), (url) => ({ url })),
  )
}
const client = Layer.unwrap(Effect.map(Postgres, ({ url }) => PgClient.layer({ url })))

const folder = mkdtempSync(join(tmpdir(), "effect-api-key-doctor-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** All that isn't as it should be. */
const doctor = ({ API_KEY_PEPPER = "sixteen bytes or more of it", ...env }: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const { url } = yield* Postgres
    const pepper = API_KEY_PEPPER === "" ? {} : { API_KEY_PEPPER }
    const found = yield* examine.pipe(
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ DATABASE_URL: Redacted.value(url), ...pepper, ...env }))),
    )
    return found.filter(({ level }) => level !== "ok")
  })
const sql = (...statements: ReadonlyArray<string>) =>
  SqlClient.SqlClient.use((client) => Effect.forEach(statements, (statement) => client.unsafe(statement), { discard: true }))
const withKeys = <A, E>(env: Readonly<Record<string, string>>, use: (keys: ApiKeys["Service"]) => Effect.Effect<A, E, ApiKeys>) =>
  Effect.flatMap(Postgres, ({ url }) =>
    Effect.flatMap(ApiKeys, use).pipe(
      Effect.provide(layerDatabase({ confirms: false }), { local: true }),
      Effect.provide(
        ConfigProvider.layer(
          ConfigProvider.fromUnknown({ DATABASE_URL: Redacted.value(url), API_KEY_PEPPER: "sixteen bytes or more of it", ...env }),
        ),
      ),
    ),
  )
const only = (found: ReadonlyArray<Found>, check: Found["check"], level: Found["level"]): Found => {
  assert.deepStrictEqual(
    found.map((each) => [each.check, each.level]),
    [[check, level]],
    JSON.stringify(found),
  )
  return found[0]!
}

layer(Layer.provideMerge(client, Postgres.layer), { timeout: "300 seconds", excludeTestServices: true })("doctor", (it) => {
  it.effect("looks at all that the server is configured with", () =>
    Effect.gen(function* () {
      yield* Migrations.migrate()
      assert.deepStrictEqual(yield* doctor(), [])
      const broken = join(folder, "keys.json")
      writeFileSync(broken, JSON.stringify({ public_keys: [{ key_identifier: "k", key: "no key" }] }))
      for (const [env, message] of [
        [{ PORT: "abc" }, /PORT/],
        [{ API_KEY_CREDENTIALS: "no header" }, /API_KEY_CREDENTIALS: must be a list of headers.*"no header" isn't/],
        [{ API_KEY_FOREIGN_AUTHORIZATION: "no" }, /API_KEY_FOREIGN_AUTHORIZATION: must be one of ignore, refuse; "no" isn't/],
        [{ API_KEY_LEAKS: "wrong" }, /API_KEY_LEAKS/],
        [{ API_KEY_LEAK_SIGNING_KEYS_FILE: "/nonexistent" }, /API_KEY_LEAK_SIGNING_KEYS_FILE.*ENOENT/],
        [{ API_KEY_LEAK_SIGNING_KEYS_FILE: broken }, /signing key k/],
        [{ API_KEY_REVOKE_BY_POSSESSION: "maybe" }, /API_KEY_REVOKE_BY_POSSESSION/],
        [{ API_KEY_SEPARATOR: "x" }, /API_KEY_SEPARATOR/],
        [{ API_KEY_SEALS: "a:short" }, /API_KEY_SEALS.* has 5 bytes/],
        [{ API_KEY_CACHE_ENTRIES: "many" }, /API_KEY_CACHE_ENTRIES/],
        [{ API_KEY_MAXIMUM_LIFETIME: "0 seconds" }, /lifetime/],
        [{ API_KEY_PREFIX: "1" }, /prefix/],
      ] as const) {
        const found = only(yield* doctor(env), "configuration", "error")
        assert.match(found.message, message)
        assert.match(found.advice ?? "", /^Correct/)
      }
      const short = only(yield* doctor({ API_KEY_PEPPERS: "a:short" }), "peppers", "error")
      assert.match(short.message, /16/)
      assert.match(short.advice ?? "", /^Correct/)
      assert.include(
        only(yield* doctor({ API_KEY_PEPPERS: "built-in", API_KEY_PEPPER: "" }), "peppers", "error").message,
        "which anybody can read",
      )
      assert.lengthOf(yield* doctor({ PORT: "abc", API_KEY_LEAKS: "wrong" }), 2)
    }),
  )

  it.effect("finds what is missing, and has it made anew", () =>
    Effect.gen(function* () {
      yield* sql("DROP INDEX api_keys_name_idx", "ALTER TABLE api_keys DROP CONSTRAINT api_keys_key_id_key")
      const indexes = only(yield* doctor(), "indexes", "warning")
      assert.match(indexes.message, /api_keys_key_id_key, api_keys_name_idx/)
      assert.include(indexes.advice, "migrate --repair")
      yield* sql(
        "DROP TRIGGER api_keys_tell_update ON api_keys",
        "ALTER TABLE api_keys DISABLE TRIGGER api_keys_tell_write",
        "DROP TABLE api_keys_nodes",
        "DROP INDEX api_keys_previous_idx",
      )
      const [, triggers] = yield* doctor()
      assert.deepInclude(triggers, { check: "invalidation", level: "error", advice: indexes.advice })
      assert.deepStrictEqual(yield* repair(), [
        "api_keys_key_id_key",
        "api_keys_name_idx",
        "api_keys_previous_idx",
        "api_keys_tell_update",
        "api_keys_tell_write",
        "api_keys_nodes",
      ])
      assert.deepStrictEqual(yield* doctor(), [])
      yield* sql("DROP FUNCTION api_keys_tell CASCADE")
      assert.lengthOf(yield* doctor(), 1)
      assert.deepStrictEqual(yield* repair(), ["api_keys_tell", "api_keys_tell_update", "api_keys_tell_write", "api_keys_tell_truncate"])
      assert.deepStrictEqual(yield* doctor(), [])
      assert.deepStrictEqual(yield* repair(), [])
      yield* sql("DROP TABLE api_keys_reports")
      const [reports] = yield* doctor()
      assert.deepInclude(reports, { check: "leaks", level: "error", advice: indexes.advice })
      assert.deepStrictEqual(yield* repair(), ["api_keys_reports"])
      assert.deepStrictEqual(yield* doctor(), [])
      yield* sql("DROP TABLE api_keys_meters", "DROP FUNCTION api_keys_lease")
      const [meters] = yield* doctor()
      assert.deepInclude(meters, { check: "limits", level: "error", advice: indexes.advice })
      assert.include(meters?.message, "without the table api_keys_meters and the function api_keys_lease")
      assert.deepStrictEqual(yield* repair(), ["api_keys_meters", "api_keys_lease"])
      assert.deepStrictEqual(yield* doctor(), [])
      yield* sql("DROP TABLE api_keys_meter_changes")
      assert.include((yield* doctor())[0]?.message, "without the table api_keys_meter_changes")
      assert.deepStrictEqual(yield* repair(), ["api_keys_meter_changes"])
      assert.deepStrictEqual(yield* doctor(), [])
    }),
  )

  it.effect("reads the list of migrations, and believes it no more than the database", () =>
    Effect.gen(function* () {
      const log = "effect_api_key_migrations"
      yield* sql(`INSERT INTO ${log} (migration_id, name) VALUES (99, 'of_a_later_version')`)
      assert.include(only(yield* doctor(), "migrations", "warning").advice, "Update effect-api-key")
      yield* sql(`DELETE FROM ${log} WHERE migration_id = 2`)
      assert.include(only(yield* doctor(), "migrations", "error").message, "lacks 2 (")
      yield* sql(`DELETE FROM ${log} WHERE migration_id = 99`)
      const gap = only(yield* doctor(), "migrations", "error")
      assert.include(gap.message, "lacks 2 (announce_changes)")
      const insert = /INSERT INTO .*$/.exec(gap.advice ?? "")?.[0] ?? ""
      yield* sql(insert)
      assert.deepStrictEqual(yield* doctor(), [])

      yield* sql(`DELETE FROM ${log} WHERE migration_id = (SELECT max(migration_id) FROM ${log})`)
      assert.include(only(yield* doctor(), "migrations", "error").advice, "Run: effect-api-key migrate")
      // The last one makes meters.
      yield* sql("DROP TABLE api_keys_meters, api_keys_meter_changes", "DROP FUNCTION api_keys_lease")
      yield* Migrations.migrate()

      yield* sql("ALTER TABLE api_keys RENAME TO x")
      assert.match(only(yield* doctor(), "migrations", "error").message, /api_keys isn't there/)
      yield* sql("DROP TABLE x")
      const lost = only(yield* doctor(), "migrations", "error")
      yield* sql(...Array.from((lost.advice ?? "").matchAll(/DROP [^;]+/g), ([statement]) => statement))
      yield* Migrations.migrate()
      assert.deepStrictEqual(yield* doctor(), [])
    }),
  )

  it.effect("tells an application that runs the migrations among its own which it hasn't run", () =>
    Effect.gen(function* () {
      yield* sql("ALTER TABLE effect_api_key_migrations RENAME TO app_migrations")
      assert.include(only(yield* doctor(), "migrations", "warning").message, "not the list of its migrations")
      assert.deepStrictEqual(yield* Migrations.migrate(), [])
      yield* sql("ALTER TABLE api_keys RENAME COLUMN deactivated_at TO x")
      const behind = only(yield* doctor(), "migrations", "error")
      assert.include(behind.message, "0004_note_deactivation (api_keys.deactivated_at)")
      yield* sql("ALTER TABLE app_migrations RENAME TO effect_api_key_migrations")
      assert.include(only(yield* doctor(), "migrations", "error").message, "0004_note_deactivation")
      yield* sql("ALTER TABLE api_keys RENAME COLUMN x TO deactivated_at")
      assert.deepStrictEqual(yield* doctor(), [])
    }),
  )

  it.effect("warns of rate limits that several nodes are told to count apart", () =>
    Effect.gen(function* () {
      const found = (env?: Record<string, string>) =>
        Effect.map(doctor(env), (findings) => findings.filter(({ check }) => check === "limits").map(({ message }) => message))
      yield* sql(
        "INSERT INTO api_keys_nodes (node, live_until) VALUES ('one', now() + interval '1 hour'), ('gone', now() - interval '1 hour')",
      )
      assert.deepStrictEqual(yield* found({ API_KEY_LIMITS: "burst=10/1s", API_KEY_SHARE_LIMITS: "false" }), [])
      yield* sql("INSERT INTO api_keys_nodes (node, live_until) VALUES ('two', now() + interval '1 hour')")
      assert.deepStrictEqual(yield* found(), [])
      const message =
        "2 nodes live, and with API_KEY_SHARE_LIMITS=false each counts rate limits by itself: a key with limits may be used up to 2 times as often"
      const apart = { API_KEY_SHARE_LIMITS: "false" }
      assert.deepStrictEqual(yield* found(apart), [])
      assert.deepStrictEqual(yield* found({ ...apart, API_KEY_LIMITS: "burst=10/1s" }), [message])
      assert.deepStrictEqual(yield* found({ ...apart, API_KEY_OWNER_LIMITS: "burst=10/1s" }), [message])
      assert.deepStrictEqual(yield* found({ API_KEY_LIMITS: "burst=10/1s" }), [])
      yield* sql(`INSERT INTO api_keys (id, key_id, hash, prefix, name, name_lower, scopes, metadata, policies, is_active, created_at, updated_at, hint, version)
        VALUES (gen_random_uuid(), '${"9".repeat(16)}', '$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$${"A".repeat(43)}', 'ak', 'k', 'k', '{}', '{}', '{"limits":[]}', true, now(), now(), '', 1)`)
      assert.deepStrictEqual([yield* found(apart), yield* found()], [[message], []])
      yield* sql("TRUNCATE api_keys, api_keys_nodes")
    }),
  )

  it.effect("warns of keys with policies, which this node refuses, by kind and number", () =>
    Effect.gen(function* () {
      const insert = (index: number, policies: string) =>
        sql(`INSERT INTO api_keys (id, key_id, hash, prefix, name, name_lower, scopes, metadata, policies, is_active, created_at, updated_at, hint, version)
          VALUES (gen_random_uuid(), '${`${index}`.repeat(16)}', '$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$${"A".repeat(43)}', 'ak', 'k', 'k', '{}', '{}', ${policies}, true, now(), now(), '', 1)`)
      yield* insert(1, `'{"hours":[8,18],"network":["10.0.0.0/8"]}'`)
      yield* insert(2, `'{"hours":[0,1]}'`)
      yield* insert(3, "NULL")
      yield* insert(4, "'{}'")
      yield* insert(5, "'null'")
      // The package's own kinds.
      yield* insert(6, `'{"allowedIps":["10.0.0.0/8"],"limits":[],"quotas":[{"name":"a","amount":1}]}'`)
      const found = (yield* doctor()).filter(({ check }) => check === "policies")
      assert.deepInclude(only(found, "policies", "warning"), {
        message:
          "The command line and the package's own server know no policies of applications, and there are 2 keys with hours, 1 key with network: they refuse these keys (503 over HTTP)",
      })
      assert.include(found[0]?.advice, "ApiKeyServer.layerWith({ policies })")
      yield* sql("UPDATE api_keys SET policies = NULL")
      assert.deepStrictEqual(
        (yield* doctor()).filter(({ check }) => check === "policies"),
        [],
      )
      yield* sql("TRUNCATE api_keys")
    }),
  )

  it.effect("tells of another prefix, of which the command line makes no tokens unless it is meant", () =>
    Effect.gen(function* () {
      const acme = { API_KEY_PREFIX: "acme_live", API_KEY_SEPARATOR: "_" }
      const { apiKey, token } = yield* withKeys(acme, (keys) => keys.create({ name: "of the application" }))

      const found = only(yield* doctor(), "configuration", "warning")
      assert.include(found.message, "The prefix is ak here, and 1 key with acme_live in the database")
      assert.include(found.advice, "API_KEY_PREFIX")
      assert.deepStrictEqual(yield* doctor(acme), [])

      for (const refused of [withKeys({}, () => checkIssuedPrefix), withKeys({}, () => checkPrefixOf(apiKey))]) {
        const failure = yield* Effect.flip(refused)
        assert.deepInclude(failure, { tag: "OtherPrefix" })
        assert.include(failure.message, "acme_live")
      }
      const refusal = yield* Effect.flip(withKeys({}, (keys) => keys.verify(token)))
      assert.include(refusal.message, "tokens begin with ak- here")
      assert.strictEqual(
        (yield* withKeys(acme, (keys) => Effect.andThen(checkPrefixOf(apiKey), keys.rotate(apiKey.id)))).apiKey.prefix,
        "acme_live",
      )
      assert.strictEqual(
        (yield* withKeys({ API_KEY_PREFIX: "ak" }, (keys) => Effect.andThen(checkIssuedPrefix, keys.create({ name: "meant" })))).apiKey
          .prefix,
        "ak",
      )
      yield* sql("TRUNCATE api_keys")
      // Tokens of another system say nothing of ours.
      const imported = "01911111-0000-7000-8000-000000000001"
      yield* sql(`INSERT INTO api_keys (id, key_id, hash, prefix, name, name_lower, scopes, metadata, is_active, created_at, updated_at, hint, version)
        VALUES ('${imported}', 'legacy-${"a".repeat(32)}', '$legacy-sha256$${"A".repeat(43)}', 'shop_', 'k', 'k', '{}', '{}', true, now(), now(), '', 1)`)
      assert.strictEqual(
        (yield* withKeys({}, (keys) => Effect.andThen(checkIssuedPrefix, keys.create({ name: "ours" })))).apiKey.prefix,
        "ak",
      )
      const asked = yield* doctor()
      assert.include(
        only(asked, "hashes", "warning").advice,
        "API_KEY_ADAPTERS (better-auth or keypal or prefixed-api-key or sha256 or unkey)",
      )
      assert.include(only(yield* doctor({ API_KEY_ADAPTERS: "sha256" }), "hashes", "warning").message, "Not of the current kind")
      // A hash that was made anew no longer says where its token came from, but the token still has the form of the other system.
      yield* sql(`UPDATE api_keys SET hash = '$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$${"A".repeat(43)}', seal_id = key_id || ' other'
        WHERE id = '${imported}'`)
      const untaken = only(yield* doctor(), "configuration", "warning")
      assert.match(untaken.message, /^1 token of another system works, but API_KEY_ADAPTERS names none/)
      assert.include(untaken.advice, "docs/guides/moving-in.md")
      assert.deepStrictEqual(yield* doctor({ API_KEY_ADAPTERS: "sha256" }), [])
      assert.strictEqual(
        (yield* withKeys({}, (keys) => Effect.andThen(Effect.flatMap(keys.get(imported), checkPrefixOf), keys.rotate(imported)))).apiKey
          .prefix,
        "ak",
      )
      yield* sql("TRUNCATE api_keys")
    }),
  )

  it.effect("names sealing keys that tokens need and that aren't configured", () =>
    Effect.gen(function* () {
      yield* withKeys({ API_KEY_SEALS: "lost:sixteen bytes or more" }, (keys) => keys.create({ name: "k" }))
      const { message } = only(yield* doctor(), "seals", "warning")
      assert.match(message, /lost\.[0-9a-f]{16} \(1\): they go on working/)
      assert.deepStrictEqual(yield* doctor({ API_KEY_SEALS: "again:sixteen bytes or more" }), [])
      const refused = only(yield* doctor({ API_KEY_SEAL_RULE: "required" }), "seals", "error")
      assert.match(refused.message, /^1 token that works has no seal/)
      yield* sql("TRUNCATE api_keys")
    }),
  )

  it.effect("tells hashes that can't be checked from those that are made anew", () =>
    Effect.gen(function* () {
      let digit = 0
      const insert = (hash: string) =>
        sql(`INSERT INTO api_keys (id, key_id, hash, prefix, name, name_lower, scopes, metadata, is_active, created_at, updated_at, hint, version)
          VALUES (gen_random_uuid(), '${(digit++).toString(16).padStart(16, "0")}', '${hash}', 'ak', 'k', 'k', '{}', '{}', true, now(), now(), 'abcd', 1)`)
      const salt = "A".repeat(22)
      yield* insert(`$argon2id$v=19$m=8,t=1,p=1$${salt}$${"A".repeat(43)}`)
      assert.include(only(yield* doctor(), "hashes", "warning").message, "Not of the current kind: 1 of argon2id v=19,m=8,t=1,p=1")
      yield* sql("TRUNCATE api_keys")
      for (const hash of ["garbage", `$2b$12$${salt}`, `$legacy-sha256$${"A".repeat(43)}`]) yield* insert(hash)
      const foreign = only(yield* doctor(), "hashes", "warning")
      assert.match(foreign.message, /Neither serve nor this command line can check: .*1 of no known form.*/)
      assert.notInclude(foreign.advice, "made anew")
      yield* sql("TRUNCATE api_keys")
      yield* insert(`$pepper=lost$argon2id$v=19$m=19456,t=2,p=1$${salt}$${"A".repeat(43)}`)
      for (const env of [{}, { API_KEY_ACCEPT_MISSING_PEPPERS: "true" }]) {
        const lost = only(yield* doctor(env), "hashes", "error")
        assert.include(lost.message, "under lost")
        assert.include(lost.advice, "Configure every pepper")
      }
      yield* sql("TRUNCATE api_keys")
    }),
  )

  it.effect("says what Redis lacks, and where the database is", () =>
    Effect.gen(function* () {
      assert.match(only(yield* doctor({ REDIS_URL: "nonsense" }), "invalidation", "error").message, /REDIS_URL isn't a URL/)
      const [, gone] = yield* doctor({ DATABASE_URL: "postgres://nobody@127.0.0.1:1/none", PORT: "abc" })
      assert.match(gone?.message ?? "", /^Nothing listens at 127\.0\.0\.1:1 \(DATABASE_URL\)$/)
    }),
  )
})

describe("doctor", () => {
  it.live("says once that a folder with keys has lost its pepper", () =>
    Effect.gen(function* () {
      const dataDir = join(folder, "embedded")
      yield* Effect.scoped(Layer.build(Pglite.layer({ dataDir })))
      const found = yield* examine.pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ API_KEY_DATA_DIR: dataDir }))))
      const said = found.filter(({ check }) => check === "peppers")
      assert.deepStrictEqual(
        said.map(({ level }) => level),
        ["error"],
        JSON.stringify(found),
      )
      assert.include(said[0]?.message, "holds keys, but their pepper is neither in")
    }),
  )

  it("allows for the time that asking takes", () => {
    assert.strictEqual(checkClock(0, 100, 1_000).level, "ok")
    assert.strictEqual(checkClock(0, 4_000, 4_900).level, "ok")
    assert.include(checkClock(0, 100, 5_050).message, "5000 ms ahead of")
    assert.include(checkClock(10_000, 10_100, 50).message, "10000 ms behind")
  })

  it("judges hashes beyond the bounds as what can't be checked", () => {
    const usage: HashUsage = { algorithm: "argon2id", parameters: "v=19,m=1048576,t=2,p=1", pepper: "", count: 3, isCurrent: false }
    const ring = { current: { id: "", value: Redacted.make("x") }, older: [] }
    assert.match(judgeHashes([usage], ring)[0]?.message ?? "", /can check: 3 of argon2id/)
    assert.strictEqual(judgeHashes([], ring)[0]?.level, "ok")
  })
})
