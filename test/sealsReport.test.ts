/** What is told of sealing keys: how many tokens need each, and which of them aren't configured. */
import { assert, describe, it, layer as describeWith } from "@effect/vitest"
import { Effect, Fiber, Latch, Layer, Logger, Redacted } from "effect"
import { ApiKeyRepository, layerMemory } from "../src/ApiKeyRepository.ts"
import { RepositoryError } from "../src/ApiKeyError.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import * as ApiKeyToken from "../src/ApiKeyToken.ts"
import * as Hmac from "../src/hasher/Hmac.ts"
import * as Pepper from "../src/hasher/Pepper.ts"
import * as Seals from "../src/hasher/Seals.ts"
import { judgeSeals } from "../src/internal/cli/doctor/seals.ts"
import * as Pglite from "../src/sql/Pglite.ts"
import { settled } from "./support/nodes.ts"

const pepperOf = (id: string, value = id): Pepper.Pepper => ({ id, value: Redacted.make(`the value of pepper <${value}>`) })
const sealOf = (id: string, value = id): Seals.SealKey => ({ id, value: Redacted.make(`the value of sealing key <${value}>`) })

interface Rings {
  readonly peppers: readonly [Pepper.Pepper, ...ReadonlyArray<Pepper.Pepper>]
  readonly seals?: readonly [Seals.SealKey, ...ReadonlyArray<Seals.SealKey>]
}

/** Uses the service over the store of the context; gives what it logged at its start, too. */
const start = <A, E>(
  { peppers: [pepper, ...peppers], seals }: Rings,
  use: (apiKeys: ApiKeys.ApiKeys["Service"]) => Effect.Effect<A, E>,
  options: ApiKeys.Options = {},
) =>
  Effect.gen(function* () {
    const repository = Layer.succeed(ApiKeyRepository, yield* ApiKeyRepository)
    const lines: Array<string> = []
    const logger = Logger.layer([Logger.make(({ logLevel, message }) => void (logLevel === "Warn" && lines.push(String(message))))])
    const ring = seals === undefined ? Layer.empty : Layer.orDie(Seals.layerRing({ current: seals[0], older: seals.slice(1) }))
    const hasher = Hmac.layerPeppers.pipe(Layer.provide(Pepper.layerRing({ current: pepper, older: peppers })))
    const layer = ApiKeys.layerWith(options).pipe(Layer.provide([repository, hasher, ring]), Layer.provide(logger))
    return yield* ApiKeys.ApiKeys.use((apiKeys) =>
      Effect.gen(function* () {
        const value = yield* use(apiKeys)
        yield* settled
        return { value, lines: lines.slice(), report: yield* reportOf(apiKeys) }
      }),
    ).pipe(Effect.provide(layer, { local: true }))
  })

/** Without the digests, by label. */
const reportOf = ({ sealReport }: ApiKeys.ApiKeys["Service"]) =>
  Effect.map(sealReport, (report) =>
    report
      .map(({ sealId, count, isConfigured, isCurrent }) =>
        [sealId?.replace(/\..*/, "") ?? "none", count, isCurrent ? "current" : isConfigured ? "older" : "missing"].join(" "),
      )
      .sort(),
  )

const create = (apiKeys: ApiKeys.ApiKeys["Service"]) => apiKeys.create({ name: "k" })
const nothing = () => Effect.void

for (const [name, store] of [
  ["memory", Layer.fresh(layerMemory)],
  ["PGlite", Pglite.layerPglite()],
] as const) {
  describeWith(store)(`The report of seals, ${name}`, (it) => {
    it.effect("counts tokens by their sealing key, and a removed pepper ends none of them", () =>
      Effect.gen(function* () {
        const [p, q, a] = [pepperOf("p"), pepperOf("q"), sealOf("a")]
        const first = yield* start({ peppers: [p] }, create)
        assert.deepStrictEqual(first.report, ["~p 1 current"])
        const unsealed = yield* start({ peppers: [p] }, create, { token: { ...ApiKeyToken.defaultFormat } })
        assert.deepStrictEqual(unsealed.report, ["none 1 missing", "~p 1 current"])
        // A ring that is added later.
        const ringed = yield* start({ peppers: [p], seals: [a] }, create)
        assert.deepStrictEqual(ringed.report, ["a 1 current", "none 1 missing", "~p 1 older"])
        assert.deepStrictEqual(ringed.lines, [])
        const tokens = [first, unsealed, ringed].map(({ value }) => value.token)
        const verifyAll = (apiKeys: ApiKeys.ApiKeys["Service"]) =>
          Effect.forEach(tokens, (token) => Effect.map(apiKeys.verify(token), ({ apiKey }) => apiKey.id))
        const ids = [first, unsealed, ringed].map(({ value }) => value.apiKey.id)
        // The hashes are made anew under another pepper, so that the one so far can go.
        assert.deepStrictEqual((yield* start({ peppers: [q, p], seals: [a] }, verifyAll)).value, ids)
        const removed = yield* start({ peppers: [q], seals: [a] }, verifyAll)
        assert.deepStrictEqual(removed.value, ids)
        assert.deepStrictEqual(removed.report, ["a 1 current", "none 1 missing", "~p 1 missing"])
        assert.lengthOf(removed.lines, 1)
        assert.match(
          removed.lines[0]!,
          /^Tokens that work were sealed by keys that aren't configured, ~p\.[0-9a-f]{16} \(1\): they go on working, but are looked up after/,
        )
        // With its value in the ring of sealing keys, its seals are good.
        const moved = yield* start({ peppers: [q], seals: [a, { id: "old", value: p.value }] }, verifyAll)
        assert.deepStrictEqual(moved.report, ["a 1 current", "none 1 missing", "~p 1 older"])
        assert.deepStrictEqual(moved.lines, [])
        // The same labels with other values.
        const others = yield* start({ peppers: [q], seals: [sealOf("a", "other"), sealOf("p")] }, create)
        assert.deepStrictEqual(others.report, ["a 1 current", "a 1 missing", "none 1 missing", "~p 1 missing"])
        assert.match(others.lines[0] ?? "", /(?:~p|a)\.[0-9a-f]{16} \(1\), (?:~p|a)\.[0-9a-f]{16} \(1\): /)
        // Each token needs its key until it ends, the previous one of a rotation too.
        const ended = yield* start({ peppers: [q], seals: [a] }, (apiKeys) =>
          Effect.gen(function* () {
            yield* apiKeys.rotate(ids[0]!)
            yield* apiKeys.rotate(ids[2]!, { grace: 0 })
            yield* apiKeys.deactivate(ids[1]!)
          }),
        )
        assert.deepStrictEqual(ended.report, ["a 1 missing", "a 2 current", "~p 1 missing"])
      }),
    )
  })
}

describe("A start without sealing keys that tokens need", () => {
  const withStore = Effect.provide(Layer.fresh(layerMemory))

  it.effect("says that these tokens are refused where seals are required", () =>
    withStore(
      Effect.gen(function* () {
        const rings: Rings = { peppers: [pepperOf("p")], seals: [sealOf("a")] }
        const { value } = yield* start({ peppers: [pepperOf("p")], seals: [sealOf("b")] }, create)
        const { lines } = yield* start(rings, nothing, { seals: "required", refuseUnsealed: true })
        assert.match(lines[0] ?? "", /^Tokens that work were sealed .* \(1\): they are refused, as seals are required/)
        assert.deepStrictEqual((yield* start(rings, ({ verify }) => verify(value.token))).value.apiKey.id, value.apiKey.id)
      }),
    ),
  )

  it.effect("names ten of them", () =>
    withStore(
      Effect.gen(function* () {
        for (let index = 0; index < 12; index++) yield* start({ peppers: [pepperOf("p")], seals: [sealOf(`s${index}`)] }, create)
        const { lines } = yield* start({ peppers: [pepperOf("p")] }, nothing)
        assert.lengthOf(lines, 1)
        assert.lengthOf(Array.from(lines[0]!.matchAll(/s\d+\.[0-9a-f]{16} \(1\)/g)), 10)
        assert.include(lines[0], " and 2 more: ")
      }),
    ),
  )

  it.effect("doesn't fail when the store can't be asked", () =>
    withStore(
      Effect.gen(function* () {
        const repository = yield* ApiKeyRepository
        const away = new RepositoryError({ operation: "count seals", isRetryable: true, cause: "down" })
        const { lines } = yield* start({ peppers: [pepperOf("p")] }, create, { seals: "preferred" }).pipe(
          Effect.provideService(ApiKeyRepository, {
            ...repository,
            countSeals: (() => {
              let asked = 0
              return (at) => (asked++ === 0 ? Effect.fail(away) : repository.countSeals(at))
            })(),
          }),
        )
        assert.lengthOf(lines, 1)
        assert.match(lines[0]!, /^Could not look whether API keys have seals/)
      }),
    ),
  )
})

it.live("The report of seals is one scan for all callers at the same time", () =>
  Effect.gen(function* () {
    const repository = yield* ApiKeyRepository
    const latch = yield* Latch.make()
    const begun = yield* Latch.make()
    let scans = 0
    let isSlow = false
    const slow = {
      ...repository,
      countSeals: (at: Parameters<typeof repository.countSeals>[0]) =>
        Effect.suspend(() => {
          if (!isSlow) return repository.countSeals(at)
          scans++
          return begun.open.pipe(Effect.andThen(latch.await), Effect.andThen(repository.countSeals(at)))
        }),
    }
    yield* start(
      { peppers: [pepperOf("p")] },
      (apiKeys) =>
        Effect.gen(function* () {
          // The start's own look has ended.
          yield* settled
          isSlow = true
          const callers = yield* Effect.forEach(Array.from({ length: 10 }), () => Effect.forkChild(apiKeys.sealReport))
          yield* begun.await
          yield* latch.open
          yield* Effect.forEach(callers, Fiber.join)
          assert.strictEqual(scans, 1)
        }),
      { seals: "preferred" },
    ).pipe(Effect.provideService(ApiKeyRepository, slow))
  }).pipe(Effect.provide(Layer.fresh(layerMemory))),
)

describe("doctor", () => {
  const usage = (sealId: string | null, isConfigured: boolean): ApiKeys.SealUsage => ({ sealId, count: 1, isConfigured, isCurrent: false })
  const judged = (...args: Parameters<typeof judgeSeals>) => judgeSeals(...args).map(({ level, message }) => `${level} ${message}`)

  it("tells which sealing keys are missing, and what becomes of tokens without a seal", () => {
    assert.deepStrictEqual(judged([], undefined), ["ok All tokens that work are sealed by configured keys"])
    assert.deepStrictEqual(judged([usage("a.0123456789abcdef", true)], undefined), judged([], undefined))
    const [missing, unsealed, ...more] = judged([usage("a.0123456789abcdef", false), usage(null, false)], undefined)
    assert.deepStrictEqual(more, [])
    assert.match(missing ?? "", /^warning Tokens that work were sealed .*, a\.0123456789abcdef \(1\): they go on working/)
    assert.match(unsealed ?? "", /^ok 1 token that works has no seal, .*: they go on working/)
    assert.match(judged([usage(null, false)], "required")[0] ?? "", /^warning 1 token .*: they are refused/)
  })
})
