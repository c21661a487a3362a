/** A simulation of nodes that spend units of shared meters, under all faults of the way to the store. */
import { layer as describeWith } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { ApiKeyHasher } from "../../ApiKeyHasher.ts"
import { ApiKeyRepository, layerMemory as layerRepository } from "../../ApiKeyRepository.ts"
import * as ApiKeys from "../../ApiKeys.ts"
import { type LeaseRequest, Meters, MetersError } from "../../Meters.ts"
import type { Quota } from "../../Quota.ts"
import type { RateLimit } from "../../RateLimit.ts"
import { makeAhead } from "./simulation/clocks.ts"
import { makeDraw } from "./simulation/draw.ts"
import { SimulationFailure } from "./simulation/outcome.ts"
import type { SimulationOptions } from "./simulation.ts"

/**
 * Counts of the events of a simulation of meters. A simulation in which a count is 0 proves nothing about that case.
 * @category models
 * @since 0.1.0
 */
export interface MeterStatistics {
  steps: number
  granted: number
  /** Uses that were refused for lack of units. */
  refused: number
  /** Uses that failed because the store didn't answer. */
  failed: number
  /** Uses that were interrupted before they ended. */
  interrupted: number
  /** Requests that were carried out, and whose answers were lost. */
  lostAnswers: number
  /** Requests that were carried out twice. */
  repeated: number
  /** Requests that were carried out after they had failed. */
  late: number
  /** Nodes that ended with units in hand. */
  crashes: number
  /** Nodes that ended and gave their units back. */
  stops: number
  /** Changes of a balance by hand. */
  changes: number
}

const noStatistics = (): MeterStatistics => ({
  steps: 0,
  granted: 0,
  refused: 0,
  failed: 0,
  interrupted: 0,
  lostAnswers: 0,
  repeated: 0,
  late: 0,
  crashes: 0,
  stops: 0,
  changes: 0,
})

const stepsOfHistory = 5_000

/**
 * Tests that nodes on a store of meters never spend more than there is, whatever is lost, doubled or late between them, and whichever nodes crash.
 * Only the test's clock advances. The store must go by this clock, or have no time at all.
 * @category tests
 * @since 0.1.0
 */
export const metersSimulation = <E>(name: string, layer: Layer.Layer<Meters, E>, options: SimulationOptions = {}): void => {
  describeWith(layer)(`Meters of nodes that share ${name}`, (it) => {
    it.effect(
      "are never oversold",
      () =>
        Effect.gen(function* () {
          const seed = options.seed ?? (yield* Config.Int("SIMULATION_SEED").pipe(Config.withDefault(1)))
          const steps = options.steps ?? (yield* Config.Int("SIMULATION_STEPS").pipe(Config.withDefault(20_000)))
          for (let done = 0; done < steps; done += stepsOfHistory) {
            yield* simulateMeters({ seed: seed + done / stepsOfHistory, steps: Math.min(stepsOfHistory, steps - done) })
          }
        }),
      { timeout: 24 * 60 * 60 * 1_000 },
    )
  })
}

/**
 * Runs one history of meters on the clock of the test, which is set to a whole day.
 * @category tests
 * @since 0.1.0
 */
export const simulateMeters = ({
  seed,
  steps,
}: {
  readonly seed: number
  readonly steps: number
}): Effect.Effect<MeterStatistics, SimulationFailure, Meters> =>
  Effect.andThen(
    Effect.flatMap(Clock.currentTimeMillis, (now) => TestClock.setTime((Math.floor(now / day) + 2) * day)),
    Effect.scoped(runHistory(seed, steps)),
  ).pipe(Random.withSeed(seed), Effect.provideService(References.MinimumLogLevel, "None"))

const day = 86_400_000
const hour = 3_600_000

/** A use that was granted, at a time of the store's clock. */
interface Use {
  readonly at: number
  readonly units: number
}

interface Key {
  readonly token: Redacted.Redacted
  readonly id: string
  readonly quotas: ReadonlyArray<Quota>
  readonly limits: ReadonlyArray<typeof RateLimit.Encoded>
  readonly uses: Array<Use>
  /** The units that changes by hand have added at most, to the first quota. */
  added: number
}

interface Node {
  readonly keys: ApiKeys.ApiKeys["Service"]
  readonly scope: Scope.Closeable
  readonly line: { isCut: boolean }
  readonly clock: Clock.Clock
}

/** Answers at once, as the test's clock doesn't wait for a real hash. */
const hasher = ApiKeyHasher.of({
  hash: (secret) => Effect.succeed(Redacted.make(`simulated:${Redacted.value(secret)}`)),
  verify: (secret, hash) => Effect.succeed(Redacted.value(hash) === `simulated:${Redacted.value(secret)}`),
})

const runHistory = Effect.fnUntraced(function* (
  seed: number,
  steps: number,
): Effect.fn.Return<MeterStatistics, SimulationFailure, Meters | Scope.Scope> {
  const store = yield* Meters
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const draw = makeDraw(seed)
  const chance = (percent: number): boolean => draw(100) < percent
  const pick = <A>(...values: readonly [A, ...ReadonlyArray<A>]): A => values[draw(values.length)] ?? values[0]
  const statistics = noStatistics()
  const history: Array<string> = []
  let failure: SimulationFailure | undefined
  const fail = (reason: string): void => {
    failure ??= new SimulationFailure({ seed, steps, step: statistics.steps, reason, history: history.slice(-200) })
  }
  const now = (): number => clock.currentTimeMillisUnsafe()
  const log = (text: string): void => void history.push(`  ${now() % day} ${text}`)

  // Each fault has histories without the others, whose losses would make up for what it gains.
  const refusing = pick(0, 0, 20)
  const repeating = pick(0, 40)
  const losing = pick(0, 0, 20)
  const delay = pick(1, 20, 1_500)
  const skew = pick(0, 2_000)

  /** The way of a node to the store. */
  const makeLine = (): { readonly line: Node["line"]; readonly meters: Meters["Service"] } => {
    const line = { isCut: false }
    const pause = Effect.suspend(() => (chance(30) ? Effect.void : Effect.sleep(1 + draw(delay))))
    const lost = Effect.fail(new MetersError({ cause: "simulated" }))
    const inBackground = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkIn(Effect.ignore(effect), scope)
    const faulty = <A>(operation: Effect.Effect<A, MetersError>): Effect.Effect<A, MetersError> =>
      Effect.gen(function* () {
        yield* pause
        if (line.isCut) return yield* lost
        if (chance(refusing)) {
          // The request arrives when its node has given it up.
          if (chance(50)) {
            statistics.late++
            yield* inBackground(Effect.andThen(Effect.sleep(1 + draw(20_000)), operation))
          }
          return yield* lost
        }
        const answer = yield* operation
        if (chance(repeating)) {
          statistics.repeated++
          yield* inBackground(Effect.andThen(Effect.sleep(draw(5_000)), operation))
        }
        yield* pause
        if (line.isCut || chance(losing)) {
          statistics.lostAnswers++
          return yield* lost
        }
        return answer
      })
    const told = ({ meter, node, turn, waiting, surplus, unspent, lost }: LeaseRequest): string =>
      `${node.slice(0, 4)} #${turn} asks for ${waiting}+${surplus} of ${meter.slice(-12)}, gives ${unspent}, lost ${lost}`
    return {
      line,
      meters: {
        scope: "shared",
        lease: (requests) =>
          faulty(
            Effect.tap(store.lease(requests), (answers) =>
              Effect.sync(() =>
                requests.forEach((request, index) => log(`${told(request)}: ${answers[index]?.granted} of ${answers[index]?.remaining}`)),
              ),
            ),
          ),
        adjust: (adjustment) => faulty(store.adjust(adjustment)),
      },
    }
  }

  const repository = yield* Effect.map(Layer.build(Layer.fresh(layerRepository)), Context.get(ApiKeyRepository))
  const startNode = Effect.gen(function* () {
    const { line, meters } = makeLine()
    const nodeScope = yield* Scope.make()
    const nodeClock = makeAhead(clock, draw(1 + skew))
    const context = yield* Layer.buildWithScope(
      Layer.fresh(ApiKeys.layerWith({ meters: { maxUnits: pick(0, 10, 1_000) } })),
      nodeScope,
    ).pipe(
      Effect.provide([Layer.succeed(ApiKeyHasher, hasher), Layer.succeed(ApiKeyRepository, repository), Layer.succeed(Meters, meters)]),
      Effect.provideService(Clock.Clock, nodeClock),
      Effect.orDie,
    )
    return { keys: Context.get(context, ApiKeys.ApiKeys), scope: nodeScope, line, clock: nodeClock } satisfies Node
  })
  const on = <A, E>(node: Node, effect: Effect.Effect<A, E>): Effect.Effect<A, E> => Effect.provideService(effect, Clock.Clock, node.clock)

  const nodes = yield* Effect.all(Array.from({ length: 2 + draw(3) }, () => startNode))
  const [first] = nodes
  const makeKey = Effect.fnUntraced(function* (quotas: ReadonlyArray<Quota>, limits: ReadonlyArray<typeof RateLimit.Encoded>) {
    const policies = { ...(quotas.length > 0 && { quotas }), ...(limits.length > 0 && { limits }) }
    // There are two nodes at least.
    const created = yield* Effect.orDie(on(first!, first!.keys.create({ name: "k", policies })))
    return { token: created.token, id: created.apiKey.id, quotas, limits, uses: [], added: 0 } satisfies Key as Key
  })
  const amount = (): number => pick(3, 40, 300)
  const closed = { whenUnavailable: "closed" as const }
  const window = (): typeof RateLimit.Encoded => ({
    name: "window",
    limit: pick(5, 50, 500),
    window: pick("1 second", "20 seconds"),
    ...closed,
  })
  const bucket = (): typeof RateLimit.Encoded => ({ ...window(), name: "bucket", algorithm: "bucket" })
  const once = (): Quota => ({ name: "once", amount: amount() })
  const hourly = (): Quota => ({ name: "hourly", amount: amount(), refill: { every: "hour" } })
  const gathering = (): Quota => ({ name: "gathering", amount: 10, refill: { every: "hour", mode: "add", ceiling: pick(10, 25) } })
  const kinds = [
    () => makeKey([once()], []),
    () => makeKey([hourly()], []),
    () => makeKey([gathering()], []),
    () => makeKey([], [window()]),
    () => makeKey([], [bucket()]),
    () => makeKey([once(), hourly()], [window(), bucket()]),
  ]
  const keys = yield* Effect.all(kinds.map((make) => make()))
  // Leases with a surplus come from frequent use.
  let hot = draw(keys.length)
  /** A new key has units again. */
  const replace = (index: number) =>
    Effect.map(kinds[index]?.() ?? Effect.undefined, (key) => void (key !== undefined && (keys[index] = key)))

  const use = (node: Node, key: Key, cost: number) =>
    Effect.exit(on(node, node.keys.verify(key.token, { cost }))).pipe(
      Effect.map((exit) => {
        if (Exit.isSuccess(exit)) {
          statistics.granted++
          log(`${key.id.slice(-4)}: ${cost} spent`)
          key.uses.push({ at: now(), units: cost })
          const wrong = whatIsWrong(key)
          if (wrong !== undefined) fail(`the key with ${JSON.stringify([key.quotas, key.limits])} ${wrong}`)
          return
        }
        const error = Exit.findErrorOption(exit)
        const tag = error._tag === "Some" ? error.value._tag : "interrupted"
        if (tag === "RepositoryError") statistics.failed++
        else if (tag === "QuotaExceeded" || tag === "RateLimited") statistics.refused++
        else if (tag !== "interrupted") fail(`a use failed with ${tag}`)
      }),
    )

  let changes = 0
  const change = (node: Node, key: Key) =>
    Effect.suspend(() => {
      const [quota] = key.quotas
      if (quota === undefined) return Effect.void
      statistics.changes++
      const units = 1 + draw(20)
      const kind = pick<"topUp" | "takeBack" | "refund">("topUp", "takeBack", "refund")
      const most = kind === "takeBack" ? 0 : units
      key.added += most
      const request = { quota: quota.name, change: kind, units, requestId: `change-${changes++}` }
      // A change whose answer is lost is sent again.
      return Effect.retry(on(node, node.keys.changeQuota(key.id, request)), { times: 3 }).pipe(
        Effect.tap(({ units }) =>
          Effect.sync(() => {
            // A refill makes up for units that were taken back.
            if (kind !== "takeBack") key.added += units - most
            else if (quota.refill === undefined) key.added -= units
          }),
        ),
        Effect.ignore,
      )
    })

  const restart = (index: number) =>
    Effect.gen(function* () {
      const [node] = nodes.splice(index, 1)
      if (node === undefined) return
      if (chance(60)) {
        statistics.crashes++
        node.line.isCut = true
      } else statistics.stops++
      yield* Effect.forkIn(Scope.close(node.scope, Exit.void), scope)
      nodes.push(yield* startNode)
    })

  const letTimePass = Effect.suspend(() => {
    if (chance(60)) return Effect.void
    const dice = draw(1_000)
    if (dice < 950) return TestClock.adjust(1 + draw(30))
    if (dice < 990) return TestClock.adjust(1 + draw(3_000))
    // Some leases are about to end with their period.
    return TestClock.adjust(dice < 997 ? Math.max(1, (Math.floor(now() / hour) + 1) * hour - draw(3_000) - now()) : 1 + draw(2 * hour))
  })

  const inBackground = (effect: Effect.Effect<unknown>) => Effect.forkIn(effect, scope, { startImmediately: true })
  const hasFailed = (): boolean => failure !== undefined
  while (statistics.steps < steps && !hasFailed()) {
    statistics.steps++
    const index = draw(nodes.length)
    const node = nodes[index]
    const key = keys[chance(60) ? hot : draw(keys.length)]
    if (node === undefined || key === undefined) continue
    const roll = draw(1_000)
    if (roll < 3) yield* restart(index)
    else if (roll < 5) yield* inBackground(change(node, key))
    else if (roll < 10) yield* replace((hot = draw(keys.length)))
    else if (roll < 30) {
      statistics.interrupted++
      yield* inBackground(Effect.timeoutOption(use(node, key, 1 + draw(3)), 1 + draw(50)))
    } else if (roll < 100) {
      const together = Array.from({ length: 2 + draw(30) }, () => inBackground(use(node, key, 1)))
      statistics.steps += together.length - 1
      yield* Effect.all(together, { discard: true })
    } else yield* inBackground(use(node, key, pick(1, 1, 1, 1, 0, 2, 5)))
    yield* letTimePass
  }
  yield* TestClock.adjust("2 minutes")
  yield* Effect.forEach(nodes, (node) => Scope.close(node.scope, Exit.void), { discard: true }).pipe(Effect.forkIn(scope))
  yield* TestClock.adjust("10 seconds")
  return failure === undefined ? statistics : yield* Effect.fail(failure)
})

/** What the last use has broken, if anything. */
const whatIsWrong = ({ uses, quotas, limits, added }: Key): string | undefined => {
  // A use was noted just now.
  const { at } = uses[uses.length - 1]!
  const spentSince = (since: number): number => {
    let sum = 0
    for (let index = uses.length - 1; index >= 0 && uses[index]!.at >= since; index--) sum += uses[index]!.units
    return sum
  }
  for (const [index, { name, amount, refill }] of quotas.entries()) {
    const since = refill === undefined || refill.mode === "add" ? Number.NEGATIVE_INFINITY : Math.floor(at / hour) * hour
    const refills = refill?.mode === "add" ? Math.floor(at / hour) - Math.floor((uses[0]?.at ?? at) / hour) + 1 : 0
    const most = amount * (1 + refills) + (index === 0 ? added : 0)
    const spent = spentSince(since)
    if (spent > most) return `has spent ${spent} of ${most} of ${name}`
    if (refill?.ceiling !== undefined && spentSince(Math.floor(at / hour) * hour) > refill.ceiling + added) {
      return `has spent more than the ceiling of ${name} in an hour`
    }
  }
  for (const { name, limit, window, algorithm } of limits) {
    const millis = window === "1 second" ? 1_000 : 20_000
    if (algorithm !== "bucket") {
      const spent = spentSince(at - millis + 1)
      if (spent > limit) return `has spent ${spent} of ${limit} within the window of ${name}`
      continue
    }
    let spent = 0
    for (let index = uses.length - 1; index >= 0 && uses[index]!.at > at - 10 * millis; index--) {
      spent += uses[index]!.units
      const most = limit + ((at - uses[index]!.at) * limit) / millis
      if (spent > most + 1e-6) return `has spent ${spent} of ${most} of the bucket ${name}`
    }
  }
  return undefined
}
