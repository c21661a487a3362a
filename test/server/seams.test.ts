/** Policies and listeners of one's own in the whole server. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, layer as describeWith } from "@effect/vitest"
import { ConfigProvider, Context, Deferred, Effect, Layer, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { PolicyRefused } from "../../src/ApiKeyError.ts"
import * as ApiKeyEvents from "../../src/ApiKeyEvents.ts"
import * as KeyPolicy from "../../src/KeyPolicy.ts"
import * as ApiKeyServer from "../../src/server.ts"
import { startPostgres } from "../support/postgres.ts"

class Postgres extends Context.Service<Postgres, { readonly url: Redacted.Redacted }>()("test/Postgres") {}
const database = Layer.effect(
  Postgres,
  Effect.map(startPostgres(), (url) => ({ url })),
)

const open = KeyPolicy.make({
  kind: "open",
  schema: Schema.Boolean,
  compile: (isOpen) => ({
    rule: ({ apiKey }) => (isOpen ? undefined : new PolicyRefused({ keyId: apiKey.keyId, kind: "open", reason: "closed" })),
  }),
})

describeWith(database, { excludeTestServices: true })("The server", (it) => {
  it.effect("judges by the policies that it is given, refuses keys with others, and tells the listeners that it is provided with", () =>
    Effect.gen(function* () {
      const { url } = yield* Postgres
      const env = { DATABASE_URL: Redacted.value(url), PORT: "0", API_KEY_PEPPER: "sixteen bytes or more of it", API_KEY_CACHE: "off" }
      const heard: Array<string> = []
      const listener = ApiKeyEvents.layer(
        Effect.succeed({ inTransaction: (events) => Effect.sync(() => void heard.push(...events.map(({ _tag }) => _tag))) }),
      )
      const first = yield* Deferred.make<readonly [token: string, url: string]>()
      const start = (policies: ReadonlyArray<KeyPolicy.KeyPolicy>) =>
        Layer.build(
          Layer.fresh(
            ApiKeyServer.layerWith({
              policies,
              onFirstKey: ({ token }, address) => Effect.asVoid(Deferred.succeed(first, [Redacted.value(token), address])),
            }),
          ).pipe(Layer.provide(listener)),
        ).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(env))))
      const set = (policies: string) =>
        SqlClient.SqlClient.use((sql) => sql.unsafe(`UPDATE api_keys SET policies = '${policies}'`)).pipe(
          Effect.provide(PgClient.layer({ url }), { local: true }),
        )
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* start([open])
          const [token, address] = yield* Deferred.await(first)
          const ask = Effect.promise(() => fetch(`${address}/api-keys`, { headers: { authorization: `Bearer ${token}` } }))
          assert.deepStrictEqual(heard, ["KeyCreated"])
          for (const [policies, status] of [
            [`{"open":true}`, 200],
            [`{"open":false}`, 403],
            [`{"open":true,"other":1}`, 503],
          ] as const) {
            yield* set(policies)
            assert.strictEqual((yield* ask).status, status)
          }
        }),
      )
    }),
  )
})
