/** What an app's own tests are written with: time that leaps, options, and one wiring for server and tests. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, DateTime, Effect, Exit, Layer, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import { HttpRouter, HttpServer } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup, HttpApiTest } from "effect/http-api"
import { ApiKeyRepository } from "../src/ApiKeyRepository.ts"
import * as Repository from "../src/ApiKeyRepository.ts"
import { layerEphemeral } from "../src/ApiKeyHasher.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import { ApiKeyAuth, ApiKeysGroup, CurrentApiKey, requireScopes } from "../src/http/definition.ts"
import { layerAuth, layerHandlers, layerRequestProblems } from "../src/http/implementation.ts"

/** Counts how often anything goes to sleep, and how often the store is asked to write. */
const counted = Effect.fnUntraced(function* <A, E>(
  test: (counts: { sleeps: number; writes: number }) => Effect.Effect<A, E, ApiKeys.ApiKeys>,
) {
  const clock = yield* Clock.Clock
  const counts = { sleeps: 0, writes: 0 }
  const counting: Clock.Clock = {
    ...clock,
    sleep: (duration) =>
      Effect.andThen(
        Effect.sync(() => counts.sleeps++),
        clock.sleep(duration),
      ),
  }
  const store = Layer.effect(
    ApiKeyRepository,
    Effect.map(Effect.service(ApiKeyRepository), (repository) => ({
      ...repository,
      touch: (uses) =>
        Effect.andThen(
          Effect.sync(() => counts.writes++),
          repository.touch(uses),
        ),
    })),
  ).pipe(Layer.provide(Layer.fresh(Repository.layerMemory)))
  return yield* test(counts).pipe(
    Effect.provide(ApiKeys.layer.pipe(Layer.provide([layerEphemeral, store]))),
    Effect.provideService(Clock.Clock, counting),
  )
})

describe("a test's clock", () => {
  it.effect("leaps over a year, in which nothing happens, in a step or two", () =>
    counted((counts) =>
      Effect.gen(function* () {
        yield* TestClock.adjust("366 days")
        assert.deepStrictEqual(counts, { sleeps: 0, writes: 0 })
      }),
    ),
  )

  it.effect("leaps over a year after a key was used, which is written once", () =>
    counted((counts) =>
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { apiKey, token } = yield* apiKeys.create({ name: "k", expiresAt: DateTime.add(yield* DateTime.now, { days: 365 }) })
        yield* apiKeys.verify(token)
        yield* TestClock.adjust("364 days")
        assert.strictEqual(counts.writes, 1)
        // The wall clock is watched for as long as what is remembered may be used: a minute.
        assert.isAtMost(counts.sleeps, 70)
        assert.strictEqual((yield* apiKeys.get(apiKey.id)).lastUsedAt?.epochMilliseconds, 0)
        // And it goes on: the next use is written as the first one was.
        yield* apiKeys.verify(token)
        yield* TestClock.adjust("366 days")
        assert.deepStrictEqual((yield* apiKeys.get(apiKey.id)).lastUsedAt?.epochMilliseconds, 364 * 86_400_000)
        assert.strictEqual((yield* Effect.flip(apiKeys.verify(token)))._tag, "Expired")
        yield* TestClock.adjust("366 days")
        assert.strictEqual(counts.writes, 2)
        assert.isAtMost(counts.sleeps, 210)
      }),
    ),
  )
})

describe("layerMemoryWith", () => {
  it.effect("takes the options of the service", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey, token } = yield* apiKeys.create({ name: "k" })
      assert.match(Redacted.value(token), /^acme_/)
      assert.strictEqual(apiKey.expiresAt?.epochMilliseconds, 86_400_000)
      yield* apiKeys.verify(token)
    }).pipe(Effect.provide(ApiKeys.layerMemoryWith({ token: { prefix: "acme", separator: "_" }, defaultLifetime: "1 day" }))),
  )

  it.effect("refuses what makes no sense", () =>
    Effect.gen(function* () {
      const failure = (options: ApiKeys.Options) =>
        Effect.map(Effect.scoped(Effect.exit(Layer.build(ApiKeys.layerMemoryWith(options)))), (exit) =>
          Exit.isFailure(exit) ? String(exit.cause) : "built",
        )
      assert.include(yield* failure({ token: { prefix: "0" } }), "InvalidTokenConfig")
      assert.include(yield* failure({ maximumLifetime: "0 seconds" }), "InvalidOptions")
    }),
  )
})

class Ledger extends Context.Service<Ledger, { readonly invoicesOf: (name: string) => Effect.Effect<string> }>()("test/Ledger") {}
const layerLedger = Layer.succeed(Ledger, { invoicesOf: (name) => Effect.succeed(`invoices of ${name}`) })

class Invoices extends HttpApiGroup.make("invoices")
  .add(HttpApiEndpoint.get("mine", "/invoices", { success: Schema.String }).pipe(requireScopes("invoices:read")))
  .middleware(ApiKeyAuth) {}
class Api extends HttpApi.make("shop").add(Invoices, ApiKeysGroup) {}

const handlers = Layer.mergeAll(
  HttpApiBuilder.group(
    Api,
    "invoices",
    Effect.fnUntraced(function* (group) {
      // Asked for here, and not in the handler: what a handler asks for is a router's to give, and HttpApiTest has none.
      const { invoicesOf } = yield* Ledger
      return group.handle("mine", () => Effect.flatMap(CurrentApiKey, ({ name }) => invoicesOf(name)))
    }),
  ),
  layerHandlers(Api),
).pipe(Layer.provideMerge([layerAuth({ realm: "shop" }), layerRequestProblems]))
const services = Layer.mergeAll(ApiKeys.layerMemory, layerLedger)

describe("one wiring", () => {
  const makeToken = ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "Ada", scopes: ["invoices:read", "api-keys:read"] }))

  it.effect("serves HttpApiTest, with a handler that uses a service and with each group alone", () =>
    Effect.gen(function* () {
      const { token } = yield* makeToken
      const all = yield* HttpApiTest.groups(Api, ["invoices", "apiKeys"]).pipe(Effect.provide(ApiKeyAuth.layerClient(token)))
      assert.strictEqual(yield* all.invoices.mine(), "invoices of Ada")
      assert.strictEqual((yield* all.apiKeys.count({ query: {} })).count, 1)
      const one = yield* HttpApiTest.groups(Api, ["invoices"]).pipe(Effect.provide(ApiKeyAuth.layerClient(token)))
      assert.strictEqual(yield* one.invoices.mine(), "invoices of Ada")
    }).pipe(Effect.scoped, Effect.provide(handlers.pipe(Layer.provideMerge([Layer.fresh(services), HttpServer.layerServices])))),
  )

  it.effect("serves a router", () =>
    Effect.gen(function* () {
      const { token } = yield* makeToken
      const apiKeys = yield* ApiKeys.ApiKeys
      const { handler, dispose } = HttpRouter.toWebHandler(
        HttpApiBuilder.layer(Api).pipe(
          Layer.provide(handlers),
          Layer.provide([Layer.succeed(ApiKeys.ApiKeys, apiKeys), layerLedger, HttpServer.layerServices]),
        ),
        { disableLogger: true },
      )
      const answer = yield* Effect.promise(() =>
        handler(new Request("http://x/invoices", { headers: { authorization: `Bearer ${Redacted.value(token)}` } })),
      )
      assert.strictEqual(yield* Effect.promise(() => answer.text()), '"invoices of Ada"')
      yield* Effect.promise(dispose)
    }).pipe(Effect.provide(Layer.fresh(services))),
  )
})
