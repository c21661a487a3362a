/** What every transport of `ApiKeyInvalidation` must do, and what those that announce writes must besides. */
import { assert, layer as describeWith } from "@effect/vitest"
import { Context, DateTime, Duration, Effect, Exit, Layer, Queue } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { ApiKeyInvalidation, InvalidationError } from "../src/ApiKeyInvalidation.ts"
import { ApiKeyRepository } from "../src/ApiKeyRepository.ts"
import { parse } from "../src/internal/nodes/message.ts"
import { makeStoredApiKey } from "../src/testing.ts"

/** Two channels of one transport. */
export class Channels extends Context.Service<
  Channels,
  {
    readonly one: ApiKeyInvalidation["Service"]
    readonly other: ApiKeyInvalidation["Service"]
    /** Sends so many messages over the first, as one by one takes long. */
    readonly flood: (count: number) => Effect.Effect<void>
    /** Cuts the connections of those who listen to the first. */
    readonly cut: Effect.Effect<void>
  }
>()("test/Channels") {}

/** Builds a transport's two channels. */
export const layerChannels = <E, R>(
  one: Layer.Layer<ApiKeyInvalidation, E, R>,
  other: Layer.Layer<ApiKeyInvalidation, E, R>,
  flood: (count: number) => Effect.Effect<unknown, unknown, R>,
  cut: Effect.Effect<void, unknown, R> = Effect.die("no connection to cut"),
): Layer.Layer<Channels, E, R> =>
  Layer.effect(
    Channels,
    Effect.gen(function* () {
      const context = yield* Effect.context<R>()
      return {
        one: Context.get(yield* Layer.build(one), ApiKeyInvalidation),
        other: Context.get(yield* Layer.build(other), ApiKeyInvalidation),
        flood: (count) => Effect.orDie(Effect.provideContext(Effect.asVoid(flood(count)), context)),
        cut: Effect.orDie(Effect.provideContext(cut, context)),
      }
    }),
  )

/** What comes before the message that ends it. */
const heardBefore = (heard: Queue.Dequeue<string, InvalidationError>, end: string) =>
  Effect.gen(function* () {
    const messages: Array<string> = []
    while (true) {
      const message = yield* Queue.take(heard)
      if (message === end) return messages
      messages.push(message)
    }
  })

/** Asks again until it holds, by the real clock. */
const eventually = <E>(holds: Effect.Effect<boolean, E>) =>
  TestClock.withLive(Effect.repeat(Effect.delay(holds, "20 millis"), { until: (held) => held }))

export const invalidationSuite = <E>(
  name: string,
  layer: Layer.Layer<Channels, E>,
  { hasConnections = true }: { readonly hasConnections?: boolean } = {},
): void =>
  describeWith(layer)(`ApiKeyInvalidation through ${name}`, (it) => {
    it.effect("tells everyone who listens, the sender too, and nobody on another channel", () =>
      Effect.gen(function* () {
        const { one, other } = yield* Channels
        const first = yield* one.subscribe
        const second = yield* one.subscribe
        const elsewhere = yield* other.subscribe
        const messages = ["changed a", `confirm ${"c".repeat(64)} ${"!'\"\\$;~".repeat(18)}`, "changed a", "everything"]
        for (const message of messages) yield* one.publish(message)
        yield* one.publish("end")
        yield* other.publish("end")
        assert.deepStrictEqual(yield* heardBefore(first, "end"), messages)
        assert.deepStrictEqual(yield* heardBefore(second, "end"), messages)
        assert.deepStrictEqual(yield* heardBefore(elsewhere, "end"), [])
      }),
    )

    it.effect("gives back what listening takes", () =>
      Effect.gen(function* () {
        const { one } = yield* Channels
        // More than a pool has connections.
        for (let i = 0; i < 15; i++) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              const heard = yield* one.subscribe
              yield* one.publish(`changed ${i}`)
              assert.strictEqual(yield* Queue.take(heard), `changed ${i}`)
            }),
          )
        }
      }),
    )

    it.effect("tells whoever falls far behind that everything may have changed, and goes on", () =>
      Effect.gen(function* () {
        const { one, flood } = yield* Channels
        const heard = yield* one.subscribe
        yield* flood(10_001)
        yield* eventually(Effect.map(Queue.size(heard), (size) => size === 1))
        yield* one.publish("end")
        assert.deepStrictEqual(yield* heardBefore(heard, "end"), ["everything"])
      }),
    )

    it.effect.skipIf(!hasConnections)("notices when the connection is lost, and hears again on a new one", () =>
      Effect.gen(function* () {
        const { one, cut } = yield* Channels
        for (let i = 0; i < 3; i++) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              const heard = yield* one.subscribe
              yield* one.publish("changed a")
              assert.strictEqual(yield* Queue.take(heard), "changed a")
              yield* cut
              const error = yield* Effect.flip(Queue.take(heard))
              assert.instanceOf(error, InvalidationError)
              assert.strictEqual(error.operation, "listen")
            }),
          )
        }
        const heard = yield* one.subscribe
        yield* one.publish("changed b")
        assert.strictEqual(yield* Queue.take(heard), "changed b")
      }),
    )

    it.effect("keeps a register of the nodes that live", () =>
      Effect.gen(function* () {
        const { one, other } = yield* Channels
        assert.deepStrictEqual(yield* one.nodes, [])
        yield* one.register("a", Duration.hours(1))
        yield* one.register("b", Duration.hours(1))
        yield* one.register("b", Duration.hours(1))
        yield* one.register("short", Duration.millis(1))
        yield* other.register("elsewhere", Duration.hours(1))
        yield* eventually(Effect.map(one.nodes, (nodes) => !nodes.includes("short")))
        assert.sameMembers([...(yield* one.nodes)], ["a", "b"])

        yield* one.register("short", Duration.hours(1))
        assert.sameMembers([...(yield* one.nodes)], ["a", "b", "short"])
        yield* one.unregister("short")
        yield* one.unregister("never there")
        yield* one.register("a", Duration.millis(1))
        yield* eventually(Effect.map(one.nodes, (nodes) => nodes.length === 1))
        assert.deepStrictEqual(yield* one.nodes, ["b"])
        // Where it can be lost, its age is that of the whole, whoever comes and goes.
        const { registerAge } = one
        if (registerAge !== undefined) {
          yield* eventually(Effect.map(registerAge, (age) => Duration.toMillis(age) > 50))
          yield* one.register("c", Duration.hours(1))
          yield* one.unregister("c")
          assert.isAbove(Duration.toMillis(yield* registerAge), 50)
        }
        yield* one.unregister("b")
        assert.deepStrictEqual(yield* one.nodes, [])
        if (registerAge !== undefined) assert.strictEqual(Duration.toMillis(yield* registerAge), 0)
        assert.deepStrictEqual(yield* other.nodes, ["elsewhere"])
        yield* other.unregister("elsewhere")
      }),
    )
  })

/** `table` is that of the first channel, and the repository's. */
export const announcementSuite = <E>(
  name: string,
  table: string,
  layer: Layer.Layer<Channels | ApiKeyRepository | SqlClient.SqlClient, E>,
): void =>
  describeWith(layer)(`Writes announced through ${name}`, (it) => {
    const at = DateTime.makeUnsafe("2026-02-01T00:00:00Z")

    /** What is told of an effect: all of it, as messages are told in the order of commits. */
    const toldOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.scoped(
        Effect.gen(function* () {
          const { one } = yield* Channels
          assert.isTrue(one.announcesWrites)
          const heard = yield* one.subscribe
          yield* effect
          yield* one.publish("end")
          const messages = yield* heardBefore(heard, "end")
          return messages.map((message) => {
            const parsed = parse(message)
            return parsed._tag === "Changed" ? parsed.keyId : parsed._tag
          })
        }),
      )

    it.effect("tells what the repository changes, and not what it only touches", () =>
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const { apiKey, ...rest } = makeStoredApiKey()
        assert.deepStrictEqual(yield* toldOf(repository.insert({ apiKey, ...rest })), [apiKey.keyId])
        assert.deepStrictEqual(yield* toldOf(repository.update(apiKey.id, { name: "new" }, { at })), [apiKey.keyId])
        assert.deepStrictEqual(yield* toldOf(repository.update(apiKey.id, { isActive: false }, { at })), [apiKey.keyId])
        assert.deepStrictEqual(yield* toldOf(repository.touch([{ id: apiKey.id, keyId: apiKey.keyId, lastUsedAt: at }])), [])
        assert.deepStrictEqual(yield* toldOf(repository.findByKeyId(apiKey.keyId)), [])
        assert.deepStrictEqual(yield* toldOf(repository.delete(apiKey.id)), [apiKey.keyId])
        assert.deepStrictEqual(yield* toldOf(Effect.flip(repository.delete(apiKey.id))), [])
      }),
    )

    it.effect("tells what is changed by hand", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const repository = yield* ApiKeyRepository
        const keys = sql.literal(`"${table}"`)
        const first = makeStoredApiKey().apiKey
        const second = makeStoredApiKey().apiKey
        yield* repository.insert(makeStoredApiKey({ ...first }))
        yield* repository.insert(makeStoredApiKey({ ...second }))
        const set = (assignment: string) => toldOf(sql`UPDATE ${keys} SET ${sql.literal(assignment)} WHERE id = ${first.id}::uuid`)

        for (const assignment of [
          "hash = 'other'",
          "scopes = ARRAY['a']",
          `metadata = '{"a": 1}'`,
          "is_active = NOT is_active",
          "expires_at = now()",
          "expires_at = NULL",
          "owner_id = 'x', last_used_at = now()",
          "description = ''",
          "hint = 'wxyz'",
          "version = version + 1",
          "prefix = 'bk'",
          "name = 'renamed'",
          "name_lower = 'other'",
          "created_at = created_at - interval '1 day'",
          "updated_at = clock_timestamp()",
          "rotated_at = now()",
          "previous_hash = 'hash'",
          "previous_hint = 'wxyz'",
          "previous_expires_at = now()",
          "previous_grace_seconds = 60",
          "deactivated_at = now()",
          "deactivation_reason = 'leaked'",
          `policies = '{"quota": 1}'`,
        ]) {
          assert.deepStrictEqual(yield* set(assignment), [first.keyId], assignment)
        }
        assert.deepStrictEqual(yield* set("last_used_at = clock_timestamp()"), [])
        assert.deepStrictEqual(yield* set("last_used_at = NULL, hint = 'wxyz'"), [])
        // By whichever token it is remembered.
        assert.deepStrictEqual(yield* set("previous_key_id = 'before'"), [first.keyId, "before"])
        assert.deepStrictEqual(yield* set("is_active = NOT is_active"), [first.keyId, "before"])
        assert.deepStrictEqual(yield* set("previous_last_used_at = clock_timestamp()"), [])
        assert.sameMembers(yield* set("previous_key_id = 'older'"), [first.keyId, "before", "older"])
        assert.sameMembers(yield* set("previous_key_id = NULL"), [first.keyId, "older"])
        assert.deepStrictEqual(yield* set("key_id = 'moved'"), [first.keyId, "moved"])
        assert.sameMembers(yield* toldOf(sql`UPDATE ${keys} SET version = version + 1`), ["moved", second.keyId])
        // Whatever a hand may write, the write succeeds, and nobody keeps what was.
        assert.deepStrictEqual(yield* set("key_id = repeat('long', 3000)"), ["moved", "Everything"])
        assert.deepStrictEqual(yield* set("key_id = 'has blanks in it'"), ["Everything", "Everything"])
        assert.deepStrictEqual(yield* set("key_id = ''"), ["Everything", "Everything"])
        assert.sameMembers(yield* toldOf(sql`DELETE FROM ${keys}`), ["Everything", second.keyId])
        assert.deepStrictEqual(yield* toldOf(sql`TRUNCATE ${keys}`), ["Everything"])
      }),
    )

    it.effect("tells of columns that were added since, of types too that can't be compared", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const repository = yield* ApiKeyRepository
        const keys = sql.literal(`"${table}"`)
        const { apiKey, ...rest } = makeStoredApiKey()
        yield* repository.insert({ apiKey, ...rest })
        yield* sql`ALTER TABLE ${keys} ADD COLUMN tier text DEFAULT 'free', ADD COLUMN settings json`
        const set = (assignment: string) => toldOf(sql`UPDATE ${keys} SET ${sql.literal(assignment)} WHERE id = ${apiKey.id}::uuid`)
        assert.deepStrictEqual(yield* set("tier = 'paid'"), [apiKey.keyId])
        assert.deepStrictEqual(yield* set("tier = 'paid', last_used_at = now(), previous_last_used_at = now()"), [])
        assert.deepStrictEqual(yield* set(`settings = '{"a": 1}'`), [apiKey.keyId])
        assert.deepStrictEqual(yield* set("last_used_at = NULL"), [])
        yield* sql`ALTER TABLE ${keys} DROP COLUMN tier, DROP COLUMN settings`
        assert.deepStrictEqual(yield* set("last_used_at = clock_timestamp()"), [])
        assert.deepStrictEqual(yield* set("version = version + 1"), [apiKey.keyId])
        yield* repository.delete(apiKey.id)
      }),
    )

    it.effect("tells no use, whatever its instant", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const repository = yield* ApiKeyRepository
        const { apiKey, ...rest } = makeStoredApiKey()
        yield* repository.insert({ apiKey, ...rest })
        for (const at of ["infinity", "-infinity", "0044-03-15 BC", "0001-01-01", "1900-01-01 12:00:00.001", "12345-01-01"]) {
          for (const zone of ["UTC", "Asia/Kathmandu", "Europe/Dublin"]) {
            const told = toldOf(
              sql.withTransaction(
                Effect.andThen(
                  sql`SELECT set_config('timezone', ${zone}, true), set_config('datestyle', 'SQL, DMY', true)`,
                  sql`UPDATE ${sql.literal(`"${table}"`)} SET last_used_at = ${at}::text::timestamptz WHERE id = ${apiKey.id}::uuid`,
                ),
              ),
            )
            assert.deepStrictEqual(yield* told, [], `${at} ${zone}`)
          }
        }
        yield* sql`DELETE FROM ${sql.literal(`"${table}"`)}`
      }),
    )

    it.effect("tells what other triggers change", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const repository = yield* ApiKeyRepository
        const { apiKey } = makeStoredApiKey()
        yield* repository.insert(makeStoredApiKey({ ...apiKey }))
        const meddle = sql.literal(`"${table}_meddle"`)
        yield* sql`CREATE FUNCTION ${meddle}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.is_active := false; RETURN NEW; END'`
        yield* sql`CREATE TRIGGER ${meddle} BEFORE UPDATE ON ${sql.literal(`"${table}"`)} FOR EACH ROW EXECUTE FUNCTION ${meddle}()`
        assert.deepStrictEqual(yield* toldOf(repository.touch([{ id: apiKey.id, keyId: apiKey.keyId, lastUsedAt: at }])), [apiKey.keyId])
        yield* sql`DROP FUNCTION ${meddle}() CASCADE`
        yield* repository.delete(apiKey.id)
      }),
    )

    it.effect("tells once it is committed, and never what is rolled back", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const repository = yield* ApiKeyRepository
        const { one } = yield* Channels
        const kept = makeStoredApiKey()
        const lost = makeStoredApiKey()
        const told = yield* toldOf(
          Effect.gen(function* () {
            const heard = yield* one.subscribe
            yield* sql.withTransaction(
              Effect.gen(function* () {
                yield* repository.insert(kept)
                yield* repository.update(kept.apiKey.id, { name: "new" }, { at })
                yield* Effect.exit(sql.withTransaction(Effect.andThen(repository.insert(lost), Effect.fail("no"))))
                assert.strictEqual(yield* Queue.size(heard), 0)
              }),
            )
            assert.strictEqual(yield* Queue.take(heard), `changed ${kept.apiKey.keyId}`)
            const failed = yield* Effect.exit(sql.withTransaction(Effect.andThen(repository.delete(kept.apiKey.id), Effect.fail("no"))))
            assert.isTrue(Exit.isFailure(failed))
          }),
        )
        assert.deepStrictEqual(told, [kept.apiKey.keyId])
      }),
    )

    it.effect("tells whatever the search path of the writer", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const repository = yield* ApiKeyRepository
        const { apiKey } = makeStoredApiKey()
        yield* repository.insert(makeStoredApiKey({ ...apiKey }))
        const [place] = yield* sql<{ readonly schema: string }>`SELECT current_schema() AS schema`
        const decoy = sql.literal(`"${table}_decoy"`)
        yield* sql`CREATE SCHEMA ${decoy}`
        yield* sql`CREATE FUNCTION ${decoy}.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''fooled''; END'`
        const told = yield* toldOf(
          sql.withTransaction(
            Effect.gen(function* () {
              yield* sql`SET LOCAL search_path = ${decoy}, pg_catalog`
              yield* sql`UPDATE ${sql.literal(`"${place?.schema}"."${table}"`)} SET version = 9 WHERE id = ${apiKey.id}::uuid`
            }),
          ),
        )
        assert.deepStrictEqual(told, [apiKey.keyId])
        yield* sql`DROP SCHEMA ${decoy} CASCADE`
        yield* repository.delete(apiKey.id)
      }),
    )

    it.effect("tells what a replica applies", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const repository = yield* ApiKeyRepository
        const key = makeStoredApiKey()
        const [role] = yield* sql<{ readonly may: boolean }>`SELECT current_setting('is_superuser') = 'on' AS may`
        if (role?.may !== true) return
        const told = yield* toldOf(
          sql.withTransaction(Effect.andThen(sql`SET LOCAL session_replication_role = replica`, repository.insert(key))),
        )
        assert.deepStrictEqual(told, [key.apiKey.keyId])
        yield* repository.delete(key.apiKey.id)
      }),
    )
  })
