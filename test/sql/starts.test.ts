/** A start finds out by two indexes what hashes and seals there are, and counts keys only where it has something to say of them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import * as Pepper from "../../src/hasher/Pepper.ts"
import * as Seals from "../../src/hasher/Seals.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as Pglite from "../../src/sql/Pglite.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { settled } from "../support/nodes.ts"
import { until } from "../rehash/support.ts"
import { layerPostgres } from "../support/postgres.ts"

const pepper = (id: string): Pepper.Pepper => ({ id, value: Redacted.make(`the pepper ${id} of a test of starts`) })
const seal = (id: string): Seals.SealKey => ({ id, value: Redacted.make(`the sealing key ${id} of a test of starts`) })

interface Start {
  readonly peppers: readonly [Pepper.Pepper, ...ReadonlyArray<Pepper.Pepper>]
  readonly seals?: readonly [Seals.SealKey, ...ReadonlyArray<Seals.SealKey>]
  readonly options?: ApiKeys.Options
}

/** Starts the service and uses it. Gives how often all keys were counted, what was logged, and how the start failed. */
const start = <A, E>(
  { peppers: [pepper, ...peppers], seals, options = {} }: Start,
  use: (apiKeys: ApiKeys.ApiKeys["Service"], lines: ReadonlyArray<string>) => Effect.Effect<A, E>,
) =>
  Effect.gen(function* () {
    const repository = yield* ApiKeyRepository
    const scans = { schemes: 0, seals: 0 }
    const counted = Layer.succeed(ApiKeyRepository, {
      ...repository,
      countSchemes: (at) => Effect.suspend(() => (scans.schemes++, repository.countSchemes(at))),
      countSeals: (at) => Effect.suspend(() => (scans.seals++, repository.countSeals(at))),
    })
    const lines: Array<string> = []
    const logger = Logger.layer([Logger.make(({ logLevel, message }) => void (logLevel === "Warn" && lines.push(String(message))))])
    const ring = seals === undefined ? Layer.empty : Layer.orDie(Seals.layerRing({ current: seals[0], older: seals.slice(1) }))
    const hasher = Hmac.layerPeppers.pipe(Layer.provide(Pepper.layerRing({ current: pepper, older: peppers })))
    const layer = ApiKeys.layerWith(options).pipe(Layer.provide([counted, hasher, ring, logger]))
    const used = yield* Effect.result(
      Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        yield* settled
        return yield* use(apiKeys, lines)
      }).pipe(Effect.provide(layer, { local: true })),
    )
    return { used, scans, lines }
  })

const create = (apiKeys: ApiKeys.ApiKeys["Service"]) => apiKeys.create({ name: "k" })
const nothing = () => Effect.void
const none = { schemes: 0, seals: 0 }

const stores = {
  PostgreSQL: SqlRepository.layer.pipe(Layer.provideMerge(Migrations.layer()), Layer.provideMerge(layerPostgres())),
  PGlite: SqlRepository.layer.pipe(Layer.provideMerge(Migrations.layer()), Layer.provideMerge(Pglite.layer())),
}

for (const [name, store] of Object.entries(stores)) {
  describe(`A start over ${name}`, () => {
    it.effect("counts no keys while each pepper and sealing key is there", () =>
      Effect.gen(function* () {
        const rings: Start = { peppers: [pepper("a")], seals: [seal("s")] }
        assert.deepStrictEqual((yield* start(rings, create)).scans, none)
        for (const options of [{}, { seals: "required" }, { seals: "preferred" }] satisfies ReadonlyArray<ApiKeys.Options>) {
          const { scans, lines } = yield* start({ ...rings, options }, create)
          assert.deepStrictEqual([scans, lines], [none, []])
        }
        // A new pepper is noted as one that made no hash before.
        const next = yield* start({ ...rings, peppers: [pepper("b"), pepper("a")] }, create)
        assert.deepStrictEqual([next.scans, next.lines], [none, []])
        assert.isTrue((yield* (yield* ApiKeyRepository).peppers?.read ?? Effect.succeed([])).every(({ isAssumed }) => !isAssumed))
      }).pipe(Effect.provide(store)),
    )

    it.effect("counts them where a pepper or a sealing key is missing, and not once what needs it has ended", () =>
      Effect.gen(function* () {
        const [a, b, s, t] = [pepper("a"), pepper("b"), seal("s"), seal("t")]
        yield* TestClock.setTime(1_000_000)
        const first = yield* Effect.fromResult((yield* start({ peppers: [a], seals: [s] }, create)).used)
        const missing = yield* start({ peppers: [b], seals: [s] }, create)
        assert.deepInclude(yield* Effect.flip(Effect.fromResult(missing.used)), {
          _tag: "MissingPeppers",
          peppers: [{ id: "a", count: 1 }],
        })
        // The previous token needs both until its grace has ended.
        const rotate = (apiKeys: ApiKeys.ApiKeys["Service"]) => apiKeys.rotate(first.apiKey.id, { grace: "1 minute" })
        yield* Effect.fromResult((yield* start({ peppers: [b, a], seals: [t, s] }, rotate)).used)
        const inGrace = yield* start({ peppers: [b], seals: [t], options: { acceptMissingPeppers: true } }, (_, lines) =>
          until(
            "both are told",
            Effect.sync(() => lines.length === 2),
          ),
        )
        assert.deepStrictEqual(inGrace.scans, { schemes: 1, seals: 1 })
        assert.match(inGrace.lines.join("\n"), /1 under a[^]*, s\.[0-9a-f]{16} \(1\)/)
        const refused = yield* start({ peppers: [b, a], seals: [t], options: { seals: "required" } }, create)
        assert.strictEqual((yield* Effect.flip(Effect.fromResult(refused.used)))._tag, "UnsealedTokens")
        yield* TestClock.adjust("2 minutes")
        const ended = yield* start({ peppers: [b], seals: [t], options: { seals: "required" } }, create)
        assert.deepStrictEqual([ended.scans, ended.lines], [none, []])
        // A key that isn't active needs its pepper, as it may be activated again, and no sealing key.
        const other = yield* Effect.fromResult((yield* start({ peppers: [a, b], seals: [s, t] }, create)).used)
        yield* start({ peppers: [a, b], seals: [s, t] }, (apiKeys) => apiKeys.deactivate(other.apiKey.id))
        assert.deepStrictEqual((yield* start({ peppers: [a, b], seals: [t], options: { seals: "required" } }, nothing)).lines, [])
        const inactive = yield* start({ peppers: [b], seals: [t] }, create)
        assert.deepInclude(yield* Effect.flip(Effect.fromResult(inactive.used)), {
          _tag: "MissingPeppers",
          peppers: [{ id: "a", count: 1 }],
        })
      }).pipe(Effect.provide(store)),
    )

    it.effect("prefers seals while a token without one works, and counts none of them", () =>
      Effect.gen(function* () {
        yield* start({ peppers: [pepper("a")], options: { token: { ...ApiKeyToken.defaultFormat } } }, create)
        const { scans, lines } = yield* start({ peppers: [pepper("a")] }, create)
        assert.deepStrictEqual([scans, lines], [none, []])
        const required = yield* start({ peppers: [pepper("a")], options: { seals: "required" } }, create)
        assert.deepInclude(yield* Effect.flip(Effect.fromResult(required.used)), { _tag: "UnsealedTokens", count: 1 })
      }).pipe(Effect.provide(store)),
    )

    it.effect("counts all where the indexes are gone, or a kind is too long for them", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { kinds } = yield* ApiKeyRepository
        const read = kinds?.read ?? Effect.undefined
        yield* start({ peppers: [pepper("a")] }, create)
        assert.deepStrictEqual(yield* Effect.map(read, (known) => known?.schemes), new Set(["$pepper=a$hmac-sha256$v=1"]))
        const setHash = (hash: string) => sql`UPDATE api_keys SET hash = ${hash}::text`
        yield* setHash(`$${"x".repeat(100_000)}$v=1$tag`)
        assert.isUndefined(yield* read)
        yield* setHash("$x$v=1$tag")
        assert.deepStrictEqual(yield* Effect.map(read, (known) => known?.schemes), new Set(["$x$v=1"]))
        yield* sql`DROP INDEX api_keys_previous_kind_idx`
        assert.isUndefined(yield* read)
        const missing = yield* start({ peppers: [pepper("b")] }, create)
        assert.isAbove(missing.scans.schemes, 0)
      }).pipe(Effect.provide(store)),
    )
  })
}
