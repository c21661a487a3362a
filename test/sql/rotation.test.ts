/** Replaced tokens on two nodes that hear of it from the triggers alone. */
import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer, type Redacted } from "effect"
import { SqlClient } from "effect/sql"
import type { KeyId } from "../../src/ApiKey.ts"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as Invalidation from "../../src/sql/Invalidation.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as Pglite from "../../src/sql/Pglite.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"

const lookUps = { count: 0 }
const counted = Layer.effect(
  ApiKeyRepository,
  Effect.map(ApiKeyRepository, (repository) => ({
    ...repository,
    findByKeyId: (keyId: KeyId) => Effect.suspend(() => (lookUps.count++, repository.findByKeyId(keyId))),
  })),
).pipe(Layer.provide(SqlRepository.layer))

const startNodes = Effect.gen(function* () {
  const services = yield* Layer.build(Layer.mergeAll(counted, Invalidation.layerPglite(), layerEphemeral))
  const start = Effect.map(
    Layer.build(Layer.fresh(ApiKeys.layerWith({ lastUsedInterval: "200 millis" }))).pipe(Effect.provide(services)),
    (context) => Context.get(context, ApiKeys.ApiKeys),
  )
  return [yield* start, yield* start] as const
})

type Node = ApiKeys.ApiKeys["Service"]

const ask = (node: Node, token: Redacted.Redacted): Effect.Effect<string> =>
  Effect.match(node.verify(token), { onSuccess: ({ usedToken }) => usedToken, onFailure: ({ _tag }) => _tag })

/** Long before what is remembered has had its time. */
const soon = (node: Node, token: Redacted.Redacted, answer: string) =>
  Effect.repeat(Effect.delay(ask(node, token), "10 millis"), { until: (given) => given === answer }).pipe(
    Effect.timeout("20 seconds"),
    Effect.mapError(() => `It never answers ${answer}`),
  )

const warm = (node: Node, token: Redacted.Redacted) =>
  Effect.repeat(
    Effect.gen(function* () {
      yield* ask(node, token)
      const { count } = lookUps
      yield* ask(node, token)
      return lookUps.count === count
    }).pipe(Effect.delay("10 millis")),
    { until: (isWarm) => isWarm },
  )

it.live("A node hears when another one rotates a key, ends a grace, or has it begin, by whichever token it remembers the key", () =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const [a, b] = yield* startNodes
    const { apiKey, token: first } = yield* a.create({ name: "k" })
    yield* warm(b, first)

    const { token: second } = yield* a.rotate(apiKey.id, { grace: "1 hour" })
    yield* soon(b, first, "previous")
    assert.strictEqual(yield* ask(b, second), "current")
    yield* warm(b, first)
    yield* warm(b, second)

    // By hand, and on the other node.
    yield* sql`UPDATE api_keys SET is_active = false`
    yield* soon(b, first, "Inactive")
    yield* soon(b, second, "Inactive")
    yield* b.activate(apiKey.id)
    yield* soon(a, first, "previous")
    yield* warm(b, first)

    yield* a.endGrace(apiKey.id)
    yield* soon(b, first, "Expired")
    yield* warm(b, first)
    yield* warm(b, second)

    // A grace that begins with the first use, of which the other node learns its end.
    const { token: third } = yield* a.rotate(apiKey.id, { grace: "0 seconds", graceFrom: "firstUse" })
    yield* soon(b, first, "NotFound")
    yield* soon(b, second, "previous")
    yield* warm(b, second)
    assert.strictEqual(yield* ask(a, third), "current")
    yield* soon(b, second, "Expired")
    assert.strictEqual(yield* ask(b, third), "current")

    yield* warm(b, third)
    yield* sql`DELETE FROM api_keys`
    yield* soon(b, third, "NotFound")
  }).pipe(Effect.scoped, Effect.provide(Migrations.layer().pipe(Layer.provideMerge(Pglite.layer())))),
)
