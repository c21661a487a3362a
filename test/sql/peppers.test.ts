/** A pepper that isn't the one that keys were made under keeps the service from starting, and `doctor` tells of it. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, it as plain, layer } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Exit, Layer, Logger, Predicate, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import type { OtherPeppers } from "../../src/ApiKeyError.ts"
import * as ApiKeyHasher from "../../src/ApiKeyHasher.ts"
import { ApiKeys, layer as layerApiKeys, layerConfig } from "../../src/ApiKeys.ts"
import { layerDatabase } from "../../src/internal/cli/database.ts"
import { examine } from "../../src/internal/cli/doctor.ts"
import * as Bcrypt from "../../src/hasher/Bcrypt.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import * as Pepper from "../../src/hasher/Pepper.ts"
import * as PepperCheck from "../../src/internal/hasher/pepperCheck.ts"
import * as ApiKeyServer from "../../src/server.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as Pglite from "../../src/sql/Pglite.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { startPostgres } from "../support/postgres.ts"

class Postgres extends Context.Service<Postgres, { readonly url: Redacted.Redacted }>()("test/Postgres") {
  static readonly layer = Layer.effect(
    Postgres,
    Effect.map(startPostgres(), (url) => ({ url })),
  )
}
const database = Layer.provideMerge(
  Layer.unwrap(Effect.map(Postgres, ({ url }) => Layer.provideMerge(Migrations.layer(), PgClient.layer({ url })))),
  Postgres.layer,
)

const pepper = (id: string, text: string): Pepper.Pepper => ({ id, value: Redacted.make(`${text} - sixteen bytes or more`) })
const old = pepper("", "the one that was there first")
const next = pepper("2026a", "the one that comes after it")
const wrong = pepper("", "a mistake")

const hmac = (current: Pepper.Pepper, ...older: ReadonlyArray<Pepper.Pepper>) =>
  Layer.provide(Hmac.layerPeppers, Pepper.layerRing({ current, older }))

/** A node, from its start to its end. */
const started = <A, E, E2>(hasher: Layer.Layer<ApiKeyHasher.ApiKeyHasher, E2>, use: Effect.Effect<A, E, ApiKeys>) =>
  Effect.provide(use, Layer.fresh(layerApiKeys.pipe(Layer.provide([hasher, SqlRepository.layer]))), { local: true })
const start = <E>(hasher: Layer.Layer<ApiKeyHasher.ApiKeyHasher, E>) => started(hasher, Effect.void)
const refused = <E>(hasher: Layer.Layer<ApiKeyHasher.ApiKeyHasher, E>) =>
  Effect.map(Effect.flip(start(hasher)), (error) => {
    assert.propertyVal(error, "_tag", "OtherPeppers")
    // Told by the tag just now.
    return error as OtherPeppers
  })
const tagOf = (error: unknown): unknown => (Predicate.hasProperty(error, "_tag") ? error._tag : undefined)
const create = ApiKeys.use((apiKeys) => apiKeys.create({ name: "k" }))

const sql = (statement: string) => SqlClient.SqlClient.use((client) => client.unsafe<{ start: string; is_assumed: boolean }>(statement))
const notes = sql("SELECT start, is_assumed FROM api_keys_peppers ORDER BY start")
const empty = sql("TRUNCATE api_keys, api_keys_peppers")

const doctor = (env: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const { url } = yield* Postgres
    const findings = yield* examine.pipe(
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ DATABASE_URL: Redacted.value(url), ...env }))),
    )
    return findings.filter(({ check, level }) => check === "peppers" || level === "error")
  })

layer(database, { timeout: "300 seconds", excludeTestServices: true })("peppers", (it) => {
  it.effect("are noted at the first start, and one that isn't the noted one is refused from then on", () =>
    Effect.gen(function* () {
      yield* empty
      const { token } = yield* started(hmac(old), create)
      assert.deepStrictEqual(yield* notes, [{ start: "$hmac-sha256", is_assumed: false }])
      const error = yield* refused(hmac(wrong))
      assert.deepStrictEqual(error.peppers, [{ id: "", start: "$hmac-sha256", count: 1, isAssumed: false }])
      assert.include(
        error.message,
        "the one without an id (API_KEY_PEPPER, the file pepper in API_KEY_DATA_DIR, or built-in), which 1 key needs",
      )
      assert.include(error.message, "set it back to what it was, and give a new one an id of its own (docs/guides/pepper.md)")
      for (const { value } of [old, wrong]) assert.notInclude(error.message, Redacted.value(value))
      yield* started(
        hmac(old),
        ApiKeys.use((apiKeys) => apiKeys.verify(token)),
      )
      // What the message tells to do, where the note is the wrong one.
      yield* sql(/DELETE FROM .*$/.exec(error.message)?.[0] ?? "")
      yield* start(hmac(wrong))
      assert.deepStrictEqual(yield* notes, [{ start: "$hmac-sha256", is_assumed: true }])
    }),
  )

  it.effect("are changed step by step, as the guide says, and none of them is mistaken for another", () =>
    Effect.gen(function* () {
      yield* empty
      yield* started(hmac(old), create)
      for (const ring of [hmac(old, next), hmac(next, old), hmac(next, old)]) yield* started(ring, create)
      assert.deepStrictEqual(
        (yield* notes).map(({ start }) => start),
        ["$hmac-sha256", "$pepper=2026a$hmac-sha256"],
      )
      assert.deepStrictEqual(
        (yield* refused(hmac(next, wrong))).peppers.map(({ id, count }) => [id, count]),
        [["", 2]],
      )
      const exchanged = yield* refused(hmac({ ...old, id: "2026a" }, { ...next, id: "" }))
      assert.deepStrictEqual(
        exchanged.peppers.map(({ id, count }) => [id, count]),
        [
          ["2026a", 2],
          ["", 2],
        ],
      )
      assert.include(exchanged.message, "2026a (API_KEY_PEPPERS, API_KEY_PEPPERS_FILE), which 2 keys need")
      // A pepper that left the ring is known when its id comes back.
      yield* sql("DELETE FROM api_keys WHERE NOT starts_with(hash, '$pepper')")
      yield* start(hmac(next))
      assert.deepStrictEqual(
        (yield* refused(hmac(next, wrong))).peppers.map(({ id, count }) => [id, count]),
        [["", 0]],
      )
    }),
  )

  it.effect("of two nodes that start at once on their own are those of the first", () =>
    Effect.gen(function* () {
      for (let round = 0; round < 2; round++) {
        yield* empty
        const exits = yield* Effect.all([Effect.exit(start(hmac(old))), Effect.exit(start(hmac(wrong)))], { concurrency: "unbounded" })
        assert.strictEqual(exits.filter(Exit.isSuccess).length, 1)
        yield* empty
        yield* Effect.all([start(hmac(old)), start(hmac(old)), start(hmac(old))], { concurrency: "unbounded" })
        assert.lengthOf(yield* notes, 1)
      }
    }),
  )

  it.effect("of several hashers are told apart", () =>
    Effect.gen(function* () {
      yield* empty
      const both = (of: Pepper.Pepper) => ApiKeyHasher.layerSeveral(hmac(old), Bcrypt.layer({ pepper: of.value, cost: 4 }))
      yield* start(both(wrong))
      assert.deepStrictEqual(
        (yield* notes).map(({ start }) => start),
        ["$2b", "$hmac-sha256"],
      )
      yield* start(both(wrong))
      assert.deepStrictEqual(
        (yield* refused(both(old))).peppers.map(({ start }) => start),
        ["$2b"],
      )
    }),
  )

  it.effect("that can't be noted or read keep nobody from starting", () =>
    Effect.gen(function* () {
      yield* empty
      const lines: Array<string> = []
      const logger = Logger.layer([Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))])
      const { url } = yield* Postgres
      for (const statement of [
        "CREATE ROLE reader LOGIN PASSWORD 'password'",
        "ALTER ROLE reader SET default_transaction_read_only = on",
        "GRANT SELECT ON api_keys, api_keys_peppers TO reader",
      ])
        yield* sql(statement)
      const reader = PgClient.layer({ url: Redacted.make(Redacted.value(url).replace("postgres:password@", "reader:password@")) })
      yield* start(hmac(old)).pipe(Effect.provide(Layer.fresh(reader), { local: true }), Effect.provide(logger))
      assert.match(lines.join("\n"), /^Warn Could not compare the peppers with those that the API keys were made under, or note them/)
      assert.deepStrictEqual(yield* notes, [])
      lines.length = 0
      yield* sql("INSERT INTO api_keys_peppers VALUES ('$hmac-sha256', '$of-a-later-version$', false, now())")
      yield* Effect.provide(start(hmac(old)), logger)
      assert.match(lines.join("\n"), /the note about it can't be read$/)
    }),
  )

  it.effect("of one's own are asked for where keys are kept for good, unless the built-in one is accepted", () =>
    Effect.gen(function* () {
      yield* empty
      const { url } = yield* Postgres
      const error = yield* Effect.flip(start(hmac(Pepper.builtIn)))
      assert.strictEqual(error._tag, "BuiltInPepper")
      assert.match(error.message, /API_KEY_PEPPER.*openssl rand -base64 32.*acceptBuiltInPepper \(API_KEY_ACCEPT_BUILT_IN_PEPPER=true\)/)
      assert.strictEqual((yield* Effect.flip(start(Hmac.layer())))._tag, "BuiltInPepper")
      assert.strictEqual((yield* Effect.flip(start(hmac(Pepper.builtIn, next))))._tag, "BuiltInPepper")
      assert.deepStrictEqual(yield* notes, [])
      const several = ApiKeyHasher.layerSeveral(hmac(next), Bcrypt.layer({ cost: 4 }))
      for (const fine of [hmac(next, Pepper.builtIn), several]) yield* start(fine)

      yield* empty
      const trial = (env: Readonly<Record<string, string>>) =>
        Effect.void.pipe(
          Effect.provide(Layer.fresh(layerConfig.pipe(Layer.provide([Hmac.layerConfig, SqlRepository.layer]))), { local: true }),
          Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(env))),
        )
      assert.propertyVal(yield* Effect.flip(trial({})), "_tag", "BuiltInPepper")
      assert.propertyVal(yield* Effect.flip(trial({ API_KEY_ACCEPT_BUILT_IN_PEPPER: "false" })), "_tag", "BuiltInPepper")
      yield* trial({ API_KEY_ACCEPT_BUILT_IN_PEPPER: "true" })
      // What goes on where it was accepted keeps it as an older one.
      assert.propertyVal(yield* Effect.flip(trial({ API_KEY_PEPPER: Redacted.value(old.value) })), "_tag", "OtherPeppers")
      yield* trial({ API_KEY_PEPPERS: `2026a:${Redacted.value(next.value)},built-in` })

      // The server and the command line do as an application does.
      yield* empty
      for (const [env, result] of [
        [{}, "PepperRequired"],
        [{ API_KEY_PEPPERS: "built-in" }, "BuiltInPepper"],
        [{ API_KEY_ACCEPT_BUILT_IN_PEPPER: "true" }, "started"],
        [{ API_KEY_ACCEPT_BUILT_IN_PEPPER: "true", API_KEY_PEPPERS: "built-in" }, "started"],
      ] as const) {
        const config = ConfigProvider.layer(ConfigProvider.fromUnknown({ DATABASE_URL: Redacted.value(url), PORT: "0", ...env }))
        const outcome = (layer: Layer.Layer<never, unknown>) =>
          Layer.build(layer).pipe(
            Effect.scoped,
            Effect.match({
              onSuccess: () => "started",
              onFailure: (error) => (Predicate.hasProperty(error, "tag") ? error.tag : tagOf(error)),
            }),
            Effect.provide(config),
          )
        assert.strictEqual(yield* outcome(Layer.fresh(ApiKeyServer.layerWith({ onFirstKey: () => Effect.void }))), result)
        assert.strictEqual(
          yield* outcome(Layer.fresh(Layer.effectDiscard(Effect.void).pipe(Layer.provide(layerDatabase({ confirms: false }))))),
          result,
        )
        const level = result === "started" ? "warning" : "error"
        assert.deepInclude((yield* doctor(env))[0], { check: "peppers", level })
      }
    }),
  )

  it.effect("are compared by doctor, which notes none", () =>
    Effect.gen(function* () {
      yield* empty
      const [right, other] = [{ API_KEY_PEPPER: Redacted.value(old.value) }, { API_KEY_PEPPER: Redacted.value(wrong.value) }]
      assert.deepStrictEqual(
        (yield* doctor(right)).map(({ level }) => level),
        ["ok"],
      )
      assert.deepStrictEqual(yield* notes, [])
      // Keys from before there were notes.
      yield* sql(`INSERT INTO api_keys (id, key_id, hash, prefix, name, name_lower, scopes, metadata, is_active, created_at, updated_at, hint, version)
        VALUES (gen_random_uuid(), '00', '$argon2id$v=19$m=19456,t=2,p=1$${"A".repeat(22)}$${"A".repeat(43)}', 'ak', 'k', 'k', '{}', '{}', true, now(), now(), 'abcd', 1)`)
      const [, unknown, ...more] = yield* doctor(right)
      assert.deepStrictEqual(more, [])
      assert.deepInclude(unknown, { check: "peppers", level: "warning" })
      assert.include(
        unknown?.message,
        "The pepper without an id isn't vouched for yet: 1 key from before it was noted may need another one",
      )
      assert.deepStrictEqual(yield* notes, [])

      const check = yield* PepperCheck.make(Buffer.from(Redacted.value(old.value)))
      yield* sql(`INSERT INTO api_keys_peppers VALUES ('$argon2id', '${check}', true, now())`)
      const [, assumed] = yield* doctor(right)
      assert.deepInclude(assumed, { level: "ok" })
      assert.include(assumed?.message, "noted when there were keys already")
      const [, different, ...rest] = yield* doctor(other)
      assert.deepStrictEqual(rest, [])
      assert.deepInclude(different, { check: "peppers", level: "error" })
      assert.include(different?.message, "A configured pepper isn't the one that the keys in the database were made under")
      assert.match(different?.advice ?? "", /^Set it back to what it was/)
      for (const text of Object.values({ ...right, ...other })) assert.notInclude(JSON.stringify([different, unknown]), text)
      yield* sql("DROP TABLE api_keys_peppers")
      const lost = (yield* doctor(right)).filter(({ level }) => level === "error")
      assert.deepInclude(lost[0], { check: "peppers", advice: "Run: effect-api-key migrate --repair" })
    }),
  )
})

layer(Pglite.layer())("in memory", (it) => {
  it.effect("nothing is noted", () =>
    Effect.gen(function* () {
      yield* Migrations.migrate()
      yield* start(hmac(old))
      assert.deepStrictEqual(yield* notes, [])
      yield* start(hmac(wrong))
      yield* start(hmac(Pepper.builtIn))
    }),
  )
})

describe("the value that is noted", () => {
  plain.live("is of the pepper alone, another each time, and says nothing of it", () =>
    Effect.gen(function* () {
      const bytes = (text: string) => Buffer.from(text, "utf8")
      const [one, two] = [yield* PepperCheck.make(bytes("a pepper")), yield* PepperCheck.make(bytes("a pepper"))]
      assert.notStrictEqual(one, two)
      for (const check of [one, two]) {
        assert.match(check, /^\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9_-]{22}\$[A-Za-z0-9_-]{43}$/)
        assert.isTrue(yield* PepperCheck.matches(bytes("a pepper"), check))
        assert.isFalse(yield* PepperCheck.matches(bytes("a Pepper"), check))
      }
      assert.deepInclude(yield* Effect.flip(PepperCheck.matches(bytes("a pepper"), one.slice(0, -1))), { reason: "MalformedHash" })
      assert.deepInclude(yield* Effect.flip(PepperCheck.matches(bytes("a pepper"), "$other$")), { reason: "UnsupportedHash" })
    }),
  )
})
