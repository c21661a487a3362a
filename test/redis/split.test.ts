/** Nodes on one PostgreSQL whose Redis is split, so that each follows another part of it: neither is confirmed without the other. */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as PgClient from "@effect/sql-pg/PgClient"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Redacted, Scope } from "effect"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import * as Invalidation from "../../src/redis/Invalidation.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { makeEndings, startRedis } from "../nodes/cluster.ts"
import { startPostgres } from "../support/postgres.ts"

const endings = makeEndings()
afterAll(endings.run)
const parts = [await startRedis(endings), await startRedis(endings)] as const
const [one, other] = parts.map((redis) => redis?.url)

describe.skipIf(one === undefined || other === undefined)(
  `Redis that is split${one === undefined ? " (the program redis-server isn't installed)" : ""}`,
  () => {
    it.live("confirms nothing without the nodes of the other part, until they stop", () =>
      Effect.gen(function* () {
        if (one === undefined || other === undefined) return
        const url = yield* startPostgres()
        yield* Effect.provide(Migrations.migrate(), PgClient.layer({ url }))
        const startNode = (nodeName: string, redis: string) =>
          ApiKeys.layerWith({ nodeName }).pipe(
            Layer.provide([Hmac.layer({ pepper: Redacted.make("a pepper that both nodes share") }), Invalidation.layerRedis()]),
            Layer.provide([SqlRepository.layer.pipe(Layer.provide(PgClient.layer({ url }))), NodeRedis.layer({ url: redis })]),
            Layer.fresh,
            Layer.build,
            Effect.map((context) => Context.get(context, ApiKeys.ApiKeys)),
          )
        const a = yield* startNode("a", one)
        const scope = yield* Scope.make()
        const b = yield* Scope.provide(startNode("b", other), scope)
        // For longer than a register must be old that may be lost.
        yield* Effect.sleep("12 seconds")
        const { apiKey, token } = yield* a.create({ name: "k" })
        yield* b.verify(token)
        const { checkedAt } = yield* b.verify(token)
        const unconfirmed = yield* Effect.flip(a.deactivate(apiKey.id, { confirmWithin: "2 seconds" }))
        assert.strictEqual(unconfirmed._tag, "Unconfirmed")
        if (unconfirmed._tag !== "Unconfirmed") return
        assert.match(unconfirmed.nodes.join(), /^b-[0-9a-f]+$/)
        // It is right not to confirm.
        assert.deepStrictEqual((yield* b.verify(token)).checkedAt, checkedAt)
        yield* Scope.close(scope, Exit.void)
        yield* a.activate(apiKey.id, { confirmWithin: "5 seconds" })
      }).pipe(Effect.scoped),
    )
  },
)
