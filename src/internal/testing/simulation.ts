import { layer as describeWith } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as TestClock from "effect/testing/TestClock"
import { ApiKey, type KeyId, StoredApiKey } from "../../ApiKey.ts"
import { RepositoryError, type VerifyError } from "../../ApiKeyError.ts"
import { ApiKeyHasher } from "../../ApiKeyHasher.ts"
import { ApiKeyInvalidation } from "../../ApiKeyInvalidation.ts"
import { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import * as ApiKeys from "../../ApiKeys.ts"
import * as ApiKeyToken from "../../ApiKeyToken.ts"
import { changed, type Message } from "../nodes/message.ts"
import { set } from "../../Scope.ts"
import { type Channel, type Draw, type Faults, type Hub, makeHub, makeRegister } from "./faultyInvalidation.ts"

/**
 * A promise of verification was broken. The message tells how to see it again.
 * @category errors
 * @since 0.1.0
 */
export class SimulationFailure extends Schema.TaggedError<SimulationFailure>()("SimulationFailure", {
  seed: Schema.Int,
  steps: Schema.Int,
  step: Schema.Int,
  reason: Schema.String,
  /** What was done to the key concerned, and to the nodes. */
  history: Schema.Array(Schema.String),
}) {
  override get message(): string {
    return [
      `Seed ${this.seed}, step ${this.step}: ${this.reason}`,
      `To see it again: SIMULATION_SEED=${this.seed} SIMULATION_STEPS=${this.steps}`,
      ...this.history,
    ].join("\n")
  }
}

/**
 * What happened in a simulation, to tell whether what is of interest did.
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  steps: number
  granted: number
  refused: number
  /** Answers by a state that had been replaced already, as nodes may give that haven't heard of it. */
  outdated: number
  /** Verifications that had to ask the store, as the node wasn't in touch with the others. */
  outOfTouch: number
  changes: number
  confirmed: number
  unconfirmed: number
  restarts: number
  /** Changes that were made, and said to have failed. */
  lostAnswers: number
  /** Changes that were made after they were said to have failed. */
  lateWrites: number
  /** How often the register of nodes was lost. */
  lostRegisters: number
  /** How often what connects the nodes was split, and its register with it. */
  splits: number
  /** Verifications that failed as the store was made to. */
  failed: number
}

/**
 * How long a simulation is, and which.
 * @category models
 * @since 0.1.0
 */
export interface SimulationOptions {
  /** Which history. One seed gives one history. Default: `SIMULATION_SEED`, or 1. */
  readonly seed?: number | undefined
  /** How many operations. Default: `SIMULATION_STEPS`, or 100,000. */
  readonly steps?: number | undefined
}

/** Histories are cut into pieces of their own seeds, so that one that fails is short. */
const stepsOfEpisode = 2_000

/**
 * Tests that nodes on one store verify as they promise, whatever happens to what connects them: makes random histories of some nodes that
 * verify and change keys and are cut off and restarted, and compares each answer with what a model of the keys allows.
 *
 * No clock but the test's passes, so minutes of it take a second. The store may hold other keys, and keeps none of these.
 * @category tests
 * @since 0.1.0
 */
export const verificationSimulation = <E>(name: string, layer: Layer.Layer<ApiKeyRepository, E>, options: SimulationOptions = {}): void => {
  describeWith(layer)(`Verification on nodes that share ${name}`, (it) => {
    it.effect(
      "never answers by what can't be true any more",
      () =>
        Effect.gen(function* () {
          const seed = options.seed ?? (yield* Config.Int("SIMULATION_SEED").pipe(Config.withDefault(1)))
          const steps = options.steps ?? (yield* Config.Int("SIMULATION_STEPS").pipe(Config.withDefault(100_000)))
          for (let done = 0; done < steps; done += stepsOfEpisode) {
            yield* simulate({ seed: seed + done / stepsOfEpisode, steps: Math.min(stepsOfEpisode, steps - done) })
          }
        }),
      { timeout: 24 * 60 * 60 * 1_000 },
    )
  })
}

/**
 * Runs one history on the clock of the test, which is set to 0: so a history is the same whatever was run before it.
 * @category tests
 * @since 0.1.0
 */
export const simulate = ({
  seed,
  steps,
}: {
  readonly seed: number
  readonly steps: number
}): Effect.Effect<Statistics, SimulationFailure, ApiKeyRepository> =>
  TestClock.setTime(0).pipe(
    Effect.andThen(Effect.scoped(runEpisode(seed, steps))),
    Random.withSeed(seed),
    // Nodes that are cut off say so, often.
    Effect.provideService(References.MinimumLogLevel, "None"),
  )

// ---------------------------------------------------------------------------------------------------------------------------------------
// The model
// ---------------------------------------------------------------------------------------------------------------------------------------

/** A node that hasn't heard its own heartbeat for so long asks the store, in milliseconds. */
const lease = 10_000
/** How often a node asks for a confirmation, in milliseconds. */
const askAgain = 500
/** How long a change that was told of, and not again, is in doubt at least, in milliseconds. */
const patience = 30_000
/** How long a write goes on at most whose caller has given up, in milliseconds. */
const latest = 25_000
/** How long a refused token is refused again unasked, in milliseconds. */
const refusalTimeToLive = 5_000

/**
 * What a key was between two of its changes. Moments are numbered, as many fall into one millisecond. A change happens at some moment while
 * it is written, so states overlap.
 */
interface State {
  readonly apiKey: ApiKey | undefined
  readonly secret: string
  readonly from: number
  until: number
  /** The clock's time then. */
  untilMillis: number
}

/** What somebody is sure to know. */
class Knowledge {
  private sure = 0
  private latest = 0
  private latestMillis = Number.NEGATIVE_INFINITY

  /** Is sure when the millisecond is over. */
  hear(moment: number, millis: number): void {
    this.settle(millis)
    this.latest = moment
    this.latestMillis = millis
  }
  learn(moment: number): void {
    this.sure = Math.max(this.sure, moment)
  }
  /** The state of this moment, or of a later one. */
  at(millis: number): number {
    this.settle(millis)
    return this.sure
  }
  private settle(millis: number): void {
    if (millis > this.latestMillis) this.sure = Math.max(this.sure, this.latest)
  }
}

/** What a verification must know, at least. */
interface Bound {
  readonly moment: number
  readonly millis: number
  /** As `millis`, of refusals, which are forgotten sooner. */
  readonly refusalMillis: number
  readonly startedAt: number
  readonly trustedSince: number
  readonly mustAsk: boolean
  readonly started: number
  /** Whether the record may be changing, so that nothing of it is remembered. */
  readonly isInDoubt: boolean
}

/** What a change did, for those who wait for it. */
interface Change {
  committed: number | undefined
  isAnswerLost: boolean
}
const CurrentChange = Context.Reference<Change | undefined>("effect-api-key/testing/CurrentChange", { defaultValue: () => undefined })

/** One life of a node. */
interface SimulatedNode {
  readonly name: string
  readonly apiKeys: ApiKeys.ApiKeys["Service"]
  readonly channel: Channel
  readonly scope: Scope.Closeable
  readonly model: NodeModel
}

class NodeModel {
  readonly name: string
  private readonly ofKeys = new Map<string, Knowledge>()
  private readonly ofAll = new Knowledge()
  /** When it sent the first heartbeat that it heard. Who asked for a confirmation before may not have asked it, so it uses nothing older. */
  private trustedSince = Number.POSITIVE_INFINITY
  private trustedUntil = Number.NEGATIVE_INFINITY
  private endedAt = Number.NEGATIVE_INFINITY
  /** When it last said, or tried to say, that a key has changed. */
  readonly told = new Map<string, number>()
  /** When it last asked whether a key's change was applied, and the clock's time then. */
  readonly asked = new Map<string, { readonly moment: number; readonly millis: number }>()
  /** The changes that it has heard of, or made itself, whose end it doesn't know, by record: until when they count. */
  private readonly doubts = new Map<string, Map<string, number>>()
  /** Whether there is a change of which it couldn't tell. */
  private owes = false
  private hasBeaten: number | undefined
  private readonly keyIdsOf: (id: string) => Iterable<string>

  constructor(name: string, keyIdsOf: (id: string) => Iterable<string>) {
    this.name = name
    this.keyIdsOf = keyIdsOf
  }

  ofKey(keyId: string): Knowledge {
    let known = this.ofKeys.get(keyId)
    if (known === undefined) this.ofKeys.set(keyId, (known = new Knowledge()))
    return known
  }
  knows(keyId: string, millis: number): number {
    return Math.max(this.ofKey(keyId).at(millis), this.ofAll.at(millis))
  }
  isInTouch(millis: number): boolean {
    return millis < this.trustedUntil && millis <= this.endedAt
  }
  /** Whether it may remember nothing of the record. A message counts when the millisecond in which it was delivered is over. */
  isInDoubt(id: string, millis: number): boolean {
    return Array.from(this.doubts.get(id)?.values() ?? []).some((until) => millis < until && millis > until - patience)
  }
  private doubt(id: string, change: string, until: number): void {
    this.doubts.set(id, (this.doubts.get(id) ?? new Map()).set(change, until))
  }
  oldestUsed(millis: number): number {
    return this.isInTouch(millis) ? this.trustedSince : Number.NEGATIVE_INFINITY
  }
  onSubscribe(moment: number, millis: number): void {
    this.trustedSince = Number.POSITIVE_INFINITY
    this.trustedUntil = Number.NEGATIVE_INFINITY
    this.endedAt = Number.POSITIVE_INFINITY
    this.ofAll.hear(moment, millis)
  }
  onEnd(millis: number): void {
    this.endedAt = millis
  }
  onDeliver(message: Message, sentAt: number, moment: number, millis: number): void {
    switch (message._tag) {
      case "Changed":
      case "Confirm":
        return this.ofKey(message.keyId).hear(moment, millis)
      case "Everything":
        return this.ofAll.hear(moment, millis)
      case "Doubtful":
        // Its own it knows.
        if (!isOf(message.change, this.name)) this.doubt(message.id, message.change, millis + patience)
        return
      case "Settled":
        if (isOf(message.change, this.name)) return
        this.doubts.get(message.id)?.delete(message.change)
        for (const keyId of message.keyIds ?? this.keyIdsOf(message.id)) this.ofKey(keyId).hear(moment, millis)
        return
      case "Beat":
        if (!isOf(message.node, this.name)) return
        this.trustedSince = Math.min(this.trustedSince, sentAt)
        this.trustedUntil = Math.max(this.trustedUntil, sentAt + lease)
        return
      case "Confirmed":
      case "Left":
      case "Ignored":
        return
    }
  }
  /** Tells what is wrong. */
  onPublish(message: Message, hasFailed: boolean, moment: number, millis: number): string | undefined {
    if (message._tag === "Changed") this.told.set(message.keyId, moment)
    if (message._tag === "Doubtful") {
      for (const keyId of this.keyIdsOf(message.id)) this.told.set(keyId, moment)
      this.doubt(message.id, message.change, millis + patience)
    }
    if (message._tag === "Settled") {
      for (const keyId of message.keyIds ?? this.keyIdsOf(message.id)) this.told.set(keyId, moment)
      this.doubts.get(message.id)?.delete(message.change)
    }
    if ((message._tag === "Changed" || message._tag === "Doubtful" || message._tag === "Settled") && hasFailed) this.owes = true
    if (message._tag === "Confirm") this.asked.set(message.keyId, { moment, millis })
    if (message._tag === "Everything") {
      this.hasBeaten = undefined
      if (!hasFailed) this.owes = false
    }
    const hasForgotten = this.owes && this.hasBeaten !== undefined && this.hasBeaten < millis
    if (message._tag === "Beat" && !hasFailed) this.hasBeaten = this.owes ? millis : undefined
    return hasForgotten ? `${this.name} couldn't tell of a change, and didn't make up for it with its next heartbeat` : undefined
  }
}

const isOf = (node: string, name: string): boolean => node.startsWith(`${name}-`)

/** What is wrong with an answer, by a state, at a time: nothing, or what it should be. */
const answerOf = ({ apiKey, secret }: State, given: Attempt, millis: number): string => {
  if (apiKey === undefined) return "NotFound"
  if (secret !== given.secret) return "InvalidSecret"
  if (!apiKey.isActive) return "Inactive"
  const { expiresAt } = apiKey
  if (expiresAt !== null && expiresAt.epochMilliseconds <= millis) return `Expired ${expiresAt.epochMilliseconds}`
  const scopes = apiKey.scopes.join(" ")
  if (given.scopes?.some((scope) => !apiKey.scopes.some((held) => held === scope))) return `InsufficientScope ${scopes}`
  return `version ${apiKey.version}`
}

const describe = (exit: Exit.Exit<ApiKeys.Verified, VerifyError>): string => {
  if (Exit.isSuccess(exit)) return `version ${exit.value.apiKey.version}`
  const error = Cause.findErrorOption(exit.cause)
  if (Option.isNone(error)) return Cause.pretty(exit.cause)
  const { value } = error
  switch (value._tag) {
    case "Expired":
      return `Expired ${value.expiresAt.epochMilliseconds}`
    case "InsufficientScope":
      return `InsufficientScope ${value.granted.join(" ")}`
    default:
      return value._tag
  }
}

interface Attempt {
  readonly keyId: KeyId
  readonly secret: string
  readonly scopes: ReadonlyArray<string> | undefined
  readonly maxAge: number | undefined
}

// ---------------------------------------------------------------------------------------------------------------------------------------
// What is simulated
// ---------------------------------------------------------------------------------------------------------------------------------------

/** mulberry32: small, fast, and the same everywhere. */
const makeDraw = (seed: number): Draw => {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * bound)
  }
}

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
const textOf = (draw: Draw, length: number, digits: number): string => {
  let text = ""
  while (text.length < length) text += alphabet[draw(digits)]
  return text
}

const firstKeys = 6
const scopesOfKeys = ["a", "b", "c"]

const runEpisode = Effect.fnUntraced(function* (seed: number, steps: number) {
  const store = yield* ApiKeyRepository
  const clock = yield* Clock.Clock
  const episodeScope = yield* Effect.scope
  const draw = makeDraw(seed)
  const chance = (percent: number): boolean => draw(100_000) < percent * 1_000
  const pick = <A>(of: ReadonlyArray<A>): A => of[draw(of.length)]!
  const millis = (): number => clock.currentTimeMillisUnsafe()

  const timeToLive = pick([2_000, 8_000, 30_000])
  const announcesWrites = chance(30)
  const nodeCount = 2 + draw(3)
  const faults: Faults = {
    failed: pick([0, 0, 20_000, 200_000]),
    lost: pick([0, 10_000, 100_000]),
    doubled: 50_000,
    delay: pick([5, 200, 3_000]),
    registering: pick([0, 50, 2_000]),
  }
  /** Whether the store has a register too, which all nodes see whatever becomes of the hub's. */
  const hasRegister = chance(50)
  const storeDelay = pick([2, 30, 400])
  // Longer, at times, than a node needs to come into touch, and than what it has read may be used.
  const hashDelay = pick([storeDelay, storeDelay, 4_000])
  const storeFailures = pick([0, 0, 1])
  const lostAnswers = pick([0, 5, 20])
  // By their messages alone nodes know of them: where the store tells of each write itself, it does so when it is made.
  const lateWrites = pick([0, 5, 20])

  const statistics: Statistics = {
    steps: 0,
    granted: 0,
    refused: 0,
    outdated: 0,
    outOfTouch: 0,
    changes: 0,
    confirmed: 0,
    unconfirmed: 0,
    restarts: 0,
    lostAnswers: 0,
    lateWrites: 0,
    lostRegisters: 0,
    splits: 0,
    failed: 0,
  }
  let moment = 0
  let failure: SimulationFailure | undefined
  const histories = new Map<string, Array<State>>()
  const keyIdsOf = new Map<string, Set<string>>()
  const confirmed = new Map<string, number>()
  const storeFailedAt = new Map<string, number>()
  const events: Array<{ readonly keyId: string | undefined; readonly text: string }> = []

  const log = (keyId: string | undefined, text: string): void => {
    events.push({ keyId, text: `  ${millis().toFixed(1).padStart(12)} #${moment} ${text}` })
  }
  const fail = (keyId: string | undefined, reason: string): void => {
    const history = events.filter((event) => event.keyId === undefined || event.keyId === keyId).map(({ text }) => text)
    failure ??= new SimulationFailure({ seed, steps, step: statistics.steps, reason, history: history.slice(-400) })
  }
  const historyOf = (keyId: string): Array<State> => {
    let history = histories.get(keyId)
    if (history === undefined) histories.set(keyId, (history = [{ apiKey: undefined, secret: "", from: 0, ...forever }]))
    return history
  }
  const stateOf = (keyId: string): State => historyOf(keyId).at(-1)!

  // --- the store, which takes its time ------------------------------------------------------------------------------------------------

  const pause = Effect.suspend(() => (chance(40) ? Effect.void : Effect.sleep(1 + draw(1 + draw(storeDelay)))))

  const written = (keyId: string, begun: number, apiKey: ApiKey | undefined, secret: string, change: Change | undefined): void => {
    const before = stateOf(keyId)
    before.until = ++moment
    before.untilMillis = millis()
    historyOf(keyId).push({ apiKey, secret, from: begun, ...forever })
    if (apiKey !== undefined) keyIdsOf.set(apiKey.id, (keyIdsOf.get(apiKey.id) ?? new Set()).add(keyId))
    if (change !== undefined) change.committed = moment
    log(keyId, `is now ${apiKey === undefined ? "gone" : tell(apiKey)}`)
  }

  /** Writes come one after another, so that the model's order is the store's. */
  const write = <A, E>(
    effect: Effect.Effect<A, E>,
    onWritten: (result: A, begun: number, change: Change | undefined) => KeyId,
  ): Effect.Effect<A, E> =>
    Effect.gen(function* () {
      const change = yield* CurrentChange
      yield* pause
      const result = yield* Effect.suspend(() => {
        const begun = ++moment
        return Effect.tap(effect, (result) => {
          const keyId = onWritten(result, begun, change)
          return announcesWrites ? hub.announce(changed(keyId)) : Effect.void
        })
      }).pipe(Effect.uninterruptible, oneWriter.withPermit)
      yield* pause
      return result
    })
  const oneWriter = yield* Semaphore.make(1)

  const insert = (key: StoredApiKey) =>
    write(store.insert(key), (_, begun, change) => {
      written(key.apiKey.keyId, begun, key.apiKey, secretOf(key.hash), change)
      return key.apiKey.keyId
    })

  /** Whoever makes a change may not learn that it was made, or may be told that it failed while it still goes on. */
  const answering = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | RepositoryError> =>
    Effect.gen(function* () {
      const change = yield* CurrentChange
      const isLate = chance(lateWrites)
      if (isLate) {
        const made = Effect.tap(effect, () => Effect.sync(() => statistics.lateWrites++))
        yield* Effect.forkIn(Effect.andThen(Effect.sleep(1 + draw(latest)), Effect.ignore(made)), episodeScope)
        yield* pause
      }
      const result = isLate ? undefined : { value: yield* effect }
      if (result !== undefined && !chance(lostAnswers)) return result.value
      if (!isLate) statistics.lostAnswers++
      if (change !== undefined) change.isAnswerLost = true
      return yield* new RepositoryError({ operation: "write", isRetryable: true, cause: "simulated" })
    })

  // One of its own would go by a clock of its own.
  const { nodeRegister: _, ...keys } = store
  const repository: ApiKeyRepository["Service"] = {
    ...keys,
    ...(hasRegister ? { nodeRegister: makeRegister(clock, draw, faults) } : {}),
    insert,
    update: (id, changes, options) =>
      answering(
        write(store.update(id, changes, options), (apiKey, begun, change) => {
          written(apiKey.keyId, begun, apiKey, stateOf(apiKey.keyId).secret, change)
          return apiKey.keyId
        }),
      ),
    delete: (id, options) =>
      answering(
        write(store.delete(id, options), (apiKey, begun, change) => {
          written(apiKey.keyId, begun, undefined, "", change)
          return apiKey.keyId
        }),
      ),
    findByKeyId: (keyId) =>
      Effect.gen(function* () {
        yield* pause
        const found = yield* store.findByKeyId(keyId)
        yield* pause
        if (!chance(storeFailures)) return found
        storeFailedAt.set(keyId, ++moment)
        return yield* new RepositoryError({ operation: "find", isRetryable: true, cause: "simulated" })
      }),
  }

  // --- hashing, which costs nothing and may take its time -----------------------------------------------------------------------------

  const hashing = Effect.suspend(() => (chance(70) ? Effect.void : Effect.sleep(1 + draw(hashDelay))))
  const hasher = ApiKeyHasher.of({
    hash: (secret) => Effect.as(hashing, Redacted.make(`${hashPrefix}${Redacted.value(secret)}`)),
    verify: (secret, hash) => Effect.map(hashing, () => secretOf(hash) === Redacted.value(secret)),
  })

  // --- tokens, of which those to come are known ---------------------------------------------------------------------------------------

  const makeParts = (keyId = textOf(draw, 16, 16) as KeyId): ApiKeyToken.TokenParts => {
    // Digits and lower-case letters make both key ids and secrets.
    const characters = textOf(draw, 58, 36)
    const checksum = ApiKeyToken.checksum(`ak-${keyId}-${characters}`)
    return { prefix: "ak", keyId, secret: Redacted.make(`${characters}${checksum}`) }
  }
  const upcoming = Array.from({ length: 4 }, () => makeParts())
  const format: ApiKeyToken.TokenFormat = {
    ...ApiKeyToken.defaultFormat,
    generate: Effect.sync(() => {
      upcoming.push(makeParts())
      return upcoming.shift()!
    }),
  }
  const tokenOf = (keyId: KeyId, secret: string) => ApiKeyToken.defaultFormat.format({ prefix: "ak", keyId, secret: Redacted.make(secret) })

  // --- nodes --------------------------------------------------------------------------------------------------------------------------

  const hub: Hub = yield* makeHub(draw, faults, announcesWrites)
  let lives = 0
  const startNode = Effect.gen(function* () {
    const name = `n${++lives}`
    const model = new NodeModel(name, (id) => keyIdsOf.get(id) ?? [])
    const channel = hub.connect({
      onPublish: (message, hasFailed) => {
        const wrong = model.onPublish(message, hasFailed, ++moment, millis())
        if (hasFailed) log(undefined, `${name} can't publish ${message._tag}`)
        if (message._tag === "Changed" && !hasFailed) log(message.keyId, `${name} tells of a change`)
        if ((message._tag === "Doubtful" || message._tag === "Settled") && !hasFailed) {
          for (const keyId of keyIdsOf.get(message.id) ?? []) log(keyId, `${name} tells that ${message.change} is ${message._tag}`)
        }
        if (wrong !== undefined) fail(undefined, wrong)
      },
      onSubscribe: () => {
        model.onSubscribe(++moment, millis())
        log(undefined, `${name} listens`)
      },
      onDeliver: (message, sentAt) => {
        model.onDeliver(message, sentAt, ++moment, millis())
        if ("keyId" in message) log(message.keyId, `${name} hears ${message._tag}`)
        else if ("change" in message && "id" in message) {
          for (const keyId of keyIdsOf.get(message.id) ?? []) log(keyId, `${name} hears that ${message.change} is ${message._tag}`)
        } else if (message._tag === "Everything") log(undefined, `${name} hears that everything has changed`)
      },
      onEnd: () => {
        model.onEnd(millis())
        log(undefined, `${name} listens no more`)
      },
    })
    const scope = yield* Scope.make()
    const options = {
      token: format,
      nodeName: name,
      // A cache that is too small at times.
      cache: { timeToLive, entries: pick([4, 1_000]), refusalTimeToLive },
      // Nobody waits for a turn for too long.
      hashing: { permits: hashDelay > storeDelay ? 1_000 : 4 },
      lastUsedInterval: "1 second",
    } satisfies ApiKeys.Options
    const context = yield* Layer.buildWithScope(
      ApiKeys.layerWith(options).pipe(
        Layer.provide([
          Layer.succeed(ApiKeyHasher, hasher),
          Layer.succeed(ApiKeyRepository, ApiKeyRepository.of(repository)),
          Layer.succeed(ApiKeyInvalidation, ApiKeyInvalidation.of(channel.service)),
        ]),
        Layer.fresh,
        Layer.orDie,
      ),
      scope,
    )
    yield* Scope.addFinalizer(episodeScope, Scope.close(scope, Exit.void))
    const node: SimulatedNode = { name, apiKeys: Context.get(context, ApiKeys.ApiKeys), channel, scope, model }
    return node
  })

  const nodes: Array<SimulatedNode> = []
  let underWay = 0
  const inBackground = (effect: Effect.Effect<unknown>) =>
    Effect.suspend(() => {
      underWay++
      return effect
    }).pipe(
      Effect.catchCause((cause) => Effect.sync(() => fail(undefined, `a defect: ${Cause.pretty(cause)}`))),
      Effect.ensuring(Effect.sync(() => underWay--)),
      Effect.forkIn(episodeScope, { startImmediately: true }),
    )

  // --- verification, and its judgement ------------------------------------------------------------------------------------------------

  const boundOf = ({ model }: SimulatedNode, { keyId, maxAge = Number.POSITIVE_INFINITY }: Attempt): Bound => {
    const startedAt = millis()
    const id = historyOf(keyId).findLast(({ apiKey }) => apiKey !== undefined)?.apiKey?.id
    const mustAsk = !model.isInTouch(startedAt) || maxAge === 0
    if (!model.isInTouch(startedAt)) statistics.outOfTouch++
    const started = ++moment
    return {
      moment: mustAsk ? started : Math.max(model.knows(keyId, startedAt), confirmed.get(keyId) ?? 0),
      millis: startedAt - Math.min(timeToLive, maxAge),
      refusalMillis: startedAt - Math.min(timeToLive, refusalTimeToLive, maxAge),
      startedAt,
      trustedSince: model.oldestUsed(startedAt),
      mustAsk,
      started,
      isInDoubt: id !== undefined && model.isInDoubt(id, startedAt),
    }
  }

  const judge = (node: SimulatedNode, given: Attempt, known: Bound, exit: Exit.Exit<ApiKeys.Verified, VerifyError>): void => {
    const end = ++moment
    const now = millis()
    const answer = describe(exit)
    const { keyId } = given
    const isForgotten = answer === "NotFound" || answer === "InvalidSecret"
    // A refusal is remembered all the same, as nobody knows of which record it is.
    const bound = known.isInDoubt && !isForgotten ? { ...known, moment: known.started, mustAsk: true } : known
    if (answer === "RepositoryError" && (storeFailedAt.get(keyId) ?? -1) > bound.moment) {
      statistics.failed++
      return
    }
    const after = Exit.isSuccess(exit) ? exit.value.checkedAt.epochMilliseconds : Number.NEGATIVE_INFINITY
    const oldest = isForgotten ? bound.refusalMillis : bound.millis
    let states = 0
    const isPossible = historyOf(keyId).some((state, index, { length }) => {
      const isCurrent =
        state.from <= end && state.until >= bound.moment && (bound.mustAsk || state.untilMillis > oldest) && state.untilMillis >= after
      if (!isCurrent) return false
      states++
      const fits = [bound.startedAt, now].some((millis) => answerOf(state, given, millis) === answer)
      if (fits && index < length - 1) statistics.outdated++
      return fits
    })
    log(keyId, `${node.name} answers ${answer} to one of ${bound.startedAt.toFixed(1)} ${tellAttempt(given)}`)
    if (!isPossible) fail(keyId, `${node.name} answered ${answer}, which fits none of ${states} states possible since #${bound.moment}`)
    if (Exit.isFailure(exit)) {
      statistics.refused++
      return
    }
    statistics.granted++
    if (after > now) fail(keyId, `${node.name} checked at ${after}, which is to come`)
    // A date has whole milliseconds only.
    if (after < Math.floor(bound.mustAsk ? bound.startedAt : Math.max(bound.millis, bound.trustedSince))) {
      fail(keyId, `${node.name} answered by what it had read at ${after}, which is too long ago at ${bound.startedAt}`)
    }
  }

  const verify = (node: SimulatedNode, given: Attempt): Effect.Effect<void> =>
    Effect.suspend(() => {
      const bound = boundOf(node, given)
      return Effect.exit(node.apiKeys.verify(tokenOf(given.keyId, given.secret), { scopes: given.scopes, maxAge: given.maxAge })).pipe(
        Effect.map((exit) => judge(node, given, bound, exit)),
      )
    })

  const drawAttempt = (): Attempt => {
    const keyId = chance(8) ? pick(upcoming).keyId : pickKeyId()
    const state = stateOf(keyId)
    const ahead = upcoming.find((parts) => parts.keyId === keyId)
    const right = ahead === undefined ? (state.apiKey === undefined ? lastSecretOf(keyId) : state.secret) : Redacted.value(ahead.secret)
    return {
      keyId,
      secret: chance(6) ? Redacted.value(wrongOf(keyId).secret) : right,
      scopes: chance(50) ? undefined : chance(50) ? [pick(scopesOfKeys)] : ["a", pick(scopesOfKeys)],
      maxAge: chance(75) ? undefined : chance(50) ? 0 : 1 + draw(timeToLive * 2),
    }
  }
  const keyIds: Array<KeyId> = []
  // Some are used and changed all the time, others rarely.
  const pickKeyId = (): KeyId => keyIds[draw(1 + draw(keyIds.length))] ?? pick(upcoming).keyId
  const lastSecretOf = (keyId: KeyId): string => historyOf(keyId).findLast(({ apiKey }) => apiKey !== undefined)?.secret ?? ""
  const wrong = new Map<string, ApiKeyToken.TokenParts>()
  const wrongOf = (keyId: KeyId): ApiKeyToken.TokenParts => {
    let parts = wrong.get(keyId)
    if (parts === undefined) wrong.set(keyId, (parts = makeParts(keyId)))
    return parts
  }

  // --- changes ------------------------------------------------------------------------------------------------------------------------

  /** Runs a change, and notes what follows from its return. */
  const change = <A, E extends { readonly _tag: string }>(
    node: SimulatedNode,
    keyIdOf: (result: A | undefined) => KeyId | undefined,
    what: string,
    confirmWithin: number | undefined,
    effect: Effect.Effect<A, E>,
  ): Effect.Effect<void> =>
    Effect.suspend(() => {
      const made: Change = { committed: undefined, isAnswerLost: false }
      statistics.changes++
      return Effect.exit(Effect.provideService(effect, CurrentChange, made)).pipe(
        Effect.map((exit) => {
          const keyId = keyIdOf(Exit.isSuccess(exit) ? exit.value : undefined)
          const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
          log(keyId, `${node.name} returns from ${what}: ${Exit.isSuccess(exit) ? "done" : (error?._tag ?? Cause.pretty(exit.cause))}`)
          const isExpected =
            error !== undefined && (made.isAnswerLost ? error._tag === "RepositoryError" : expectedOfChanges.has(error._tag))
          if (Exit.isFailure(exit) && !isExpected) {
            return fail(keyId, `${node.name} failed to ${what}: ${Cause.pretty(exit.cause)}`)
          }
          if (made.committed === undefined || keyId === undefined) return
          moment++
          // It was applied there as soon as the store had it, however long the confirmation took: so nothing later need be known.
          const known = made.committed + 0.5
          node.model.ofKey(keyId).learn(known)
          if (!announcesWrites && (node.model.told.get(keyId) ?? 0) < made.committed) {
            return fail(keyId, `${node.name} didn't tell the others that it did ${what}`)
          }
          if (confirmWithin === undefined || made.isAnswerLost) return
          if (Exit.isFailure(exit)) {
            statistics.unconfirmed++
            const asked = node.model.asked.get(keyId)
            // Without any it hasn't found out yet whom to ask.
            const hasBegun = error !== undefined && "nodes" in error && Array.isArray(error.nodes) && error.nodes.length > 0
            if (hasBegun && asked !== undefined && asked.moment > made.committed && asked.millis < millis() - askAgain) {
              fail(keyId, `${node.name} gave up on a confirmation, and hadn't asked again`)
            }
            return
          }
          statistics.confirmed++
          // Whatever starts from now on knows of the change, if of nothing later.
          confirmed.set(keyId, Math.max(confirmed.get(keyId) ?? 0, known))
        }),
      )
    })

  const expiryFor = (): DateTime.Utc | null => {
    const now = Math.floor(millis())
    if (chance(40)) return null
    return DateTime.makeUnsafe(chance(50) ? now + 50 + draw(4_000) : now + 10_000 + draw(60_000))
  }
  const scopesFor = () => set(...scopesOfKeys.filter(() => chance(75)))

  const create = (node: SimulatedNode): Effect.Effect<void> => {
    const input = { name: "k", scopes: scopesFor(), expiresAt: chance(70) ? null : expiryFor() }
    return change(
      node,
      (created: ApiKeys.Created | undefined) => {
        if (created !== undefined) keyIds.push(created.apiKey.keyId)
        return created?.apiKey.keyId
      },
      "create",
      undefined,
      node.apiKeys.create(input),
    )
  }

  const changeOne = (node: SimulatedNode, keyId = pickKeyId()): Effect.Effect<void> => {
    const { apiKey } = stateOf(keyId)
    if (apiKey === undefined) return lastSecretOf(keyId) !== "" ? reinsert(keyId) : verify(node, drawAttempt())
    const confirmWithin = chance(25) ? 1_000 + draw(12_000) : undefined
    const options = { confirmWithin }
    const { id, isActive } = apiKey
    const run = <A>(what: string, effect: Effect.Effect<A, { readonly _tag: string }>) =>
      change(node, () => keyId, `${what}${confirmWithin === undefined ? "" : ` confirmed within ${confirmWithin}`}`, confirmWithin, effect)
    // Most keys are good at most times, lest all nodes agree that none is.
    if (!isActive && chance(60)) return run("activate", node.apiKeys.activate(id, options))
    const kind = draw(100)
    if (kind < 15) return run("delete", node.apiKeys.delete(id, options))
    if (kind < 50) {
      return isActive ? run("deactivate", node.apiKeys.deactivate(id, options)) : run("activate", node.apiKeys.activate(id, options))
    }
    const input = kind < 75 ? { scopes: scopesFor() } : { expiresAt: expiryFor() }
    const ifVersion = chance(20) ? { ifVersion: apiKey.version } : {}
    return run(JSON.stringify(input), node.apiKeys.update(id, input, { ...options, ...ifVersion }))
  }

  /** By hand, as a restored backup does it, and at times with a secret of its own. */
  const reinsert = (keyId: KeyId): Effect.Effect<void> => {
    const last = historyOf(keyId).findLast(({ apiKey }) => apiKey !== undefined)
    if (last?.apiKey === undefined) return Effect.void
    const secret = chance(40) ? Redacted.value(wrongOf(keyId).secret) : last.secret
    if (secret !== last.secret) wrong.delete(keyId)
    const apiKey = new ApiKey({ ...last.apiKey, version: last.apiKey.version + 1, isActive: chance(80), expiresAt: null })
    const record = new StoredApiKey({ apiKey, hash: Redacted.make(`${hashPrefix}${secret}`), previousHash: null })
    return insert(record).pipe(
      Effect.andThen(announcesWrites ? Effect.void : hub.announce(changed(keyId))),
      // Somebody else was faster.
      Effect.ignore,
    )
  }

  // --- what goes wrong ----------------------------------------------------------------------------------------------------------------

  const restart = (index: number): Effect.Effect<void> =>
    Effect.gen(function* () {
      const [node] = nodes.splice(index, 1)
      if (node === undefined) return
      statistics.restarts++
      const hasCrashed = chance(50)
      log(undefined, `${node.name} ${hasCrashed ? "crashes" : "stops"}`)
      if (hasCrashed) {
        node.channel.isMute = true
        node.channel.isDeaf = true
      }
      yield* Scope.close(node.scope, Exit.void)
      yield* Effect.sleep(1 + draw(3_000))
      const started = yield* startNode
      nodes.push(started)
      yield* flurry(started)
    })

  /**
   * Changes by all, of one key most of all, and questions to one, while it is uncertain who is in the register: little else happens in so
   * short a time.
   */
  const flurry = (node: SimulatedNode): Effect.Effect<void> => {
    const same = drawAttempt()
    return Effect.forEach(
      Array.from({ length: 12 }, () => draw(1_500 + 2 * faults.registering)),
      (wait) =>
        inBackground(
          Effect.gen(function* () {
            yield* Effect.sleep(1 + wait)
            const other = pick(nodes)
            if (!nodes.includes(node) || other === undefined) return
            const keyId = chance(50) ? same.keyId : pickKeyId()
            yield* Effect.all([verify(node, same), changeOne(other, keyId), verify(node, drawAttempt())], { concurrency: 3, discard: true })
          }),
        ),
      { discard: true },
    )
  }

  const disturb = (node: SimulatedNode): Effect.Effect<void> => {
    const { channel, name } = node
    const kind = draw(5)
    const length = 1 + draw(20_000)
    const during = (what: string, begin: () => void, end: () => void) =>
      Effect.sync(() => {
        log(undefined, `${name} is ${what} for ${length} ms`)
        begin()
      }).pipe(Effect.andThen(Effect.sleep(length)), Effect.andThen(Effect.sync(end)))
    // By the clock, so that it waits for what follows.
    const cut = Effect.andThen(Effect.sleep(1), channel.cut)
    if (kind === 0) return cut
    // The most treacherous, as the node doesn't learn of it.
    if (kind < 3) {
      return during(
        "deaf",
        () => (channel.isDeaf = true),
        () => (channel.isDeaf = false),
      )
    }
    const mute = during(
      kind === 3 ? "mute" : "cut off",
      () => (channel.isMute = true),
      () => (channel.isMute = false),
    )
    return kind === 3 ? mute : Effect.all([mute, cut], { concurrency: 2, discard: true })
  }

  let isSplit = false
  const split = (node: SimulatedNode): Effect.Effect<void> =>
    Effect.gen(function* () {
      isSplit = true
      statistics.splits++
      // Longer, at times, than a node that has vanished is remembered.
      const length = 1 + draw(pick([60_000, 200_000]))
      log(undefined, `what connects the nodes is split for ${length} ms`)
      yield* hub.split
      for (const { name, channel } of nodes) log(undefined, `${name} is on side ${channel.side}`)
      const later = Effect.suspend(() =>
        Effect.andThen(
          Effect.sleep(draw(length)),
          Effect.suspend(() => flurry(node)),
        ),
      )
      yield* Effect.all([flurry(node), later, later, later, Effect.sleep(length)], { concurrency: 5, discard: true })
      yield* hub.heal
      log(undefined, "what connects the nodes is whole again")
      isSplit = false
    })

  // --- the history --------------------------------------------------------------------------------------------------------------------

  const step = Effect.suspend((): Effect.Effect<unknown> => {
    const what = draw(10_000)
    const index = draw(nodes.length)
    const node = nodes[index]
    if (node === undefined) return Effect.void
    if (what < 5) {
      statistics.lostRegisters++
      log(undefined, "the register of nodes is lost")
      return Effect.andThen(hub.loseRegister, flurry(node))
    }
    // With triggers it is the store that connects the nodes; and without a register in it a long split can't be told from a crash.
    if (what < 25 && hasRegister && !announcesWrites && !isSplit) return inBackground(split(node))
    if (what < 75) return inBackground(disturb(node))
    if (what < 90 && nodes.length > 1) return inBackground(restart(index))
    if (what < 230 && keyIds.length < 30) return inBackground(create(node))
    if (what < 1_130) return inBackground(changeOne(node))
    const attempt = drawAttempt()
    // A caller who gives up leaves the others alone.
    if (what < 1_330) return inBackground(Effect.timeoutOption(verify(node, attempt), 1 + draw(20)))
    if (what > 1_630) return inBackground(verify(node, attempt))
    const together = Array.from({ length: 2 + draw(4) }, () => inBackground(verify(node, attempt)))
    statistics.steps += together.length - 1
    return Effect.all(together, { discard: true })
  })

  const letTimePass = Effect.suspend(() => {
    if (chance(50)) return Effect.void
    const dice = draw(1_000)
    return TestClock.adjust(dice < 970 ? 1 + draw(60) : dice < 995 ? 1 + draw(1_500) : 1 + draw(15_000))
  })

  return yield* Effect.gen(function* () {
    for (let i = 0; i < nodeCount; i++) {
      yield* inBackground(Effect.map(startNode, (node) => void nodes.push(node)))
      yield* TestClock.adjust((storeDelay + hashDelay) * 4)
    }
    for (let i = 0; i < firstKeys; i++) yield* inBackground(create(pick(nodes)))
    yield* TestClock.adjust((storeDelay + hashDelay) * 4)
    // Set by what the steps start.
    const hasFailed = (): boolean => failure !== undefined
    while (statistics.steps < steps && !hasFailed()) {
      statistics.steps++
      yield* step
      yield* letTimePass
    }
    yield* TestClock.adjust(isSplit ? "5 minutes" : "1 minute")
    if (underWay > 0) fail(undefined, `${underWay} operations never end`)
    if (failure !== undefined) return yield* failure
    yield* Effect.forEach(histories.keys(), (keyId) => {
      const { apiKey } = stateOf(keyId)
      return apiKey === undefined ? Effect.void : Effect.ignore(store.delete(apiKey.id))
    })
    return statistics
  })
})

const forever = { until: Number.POSITIVE_INFINITY, untilMillis: Number.POSITIVE_INFINITY }
const hashPrefix = "simulated:"
const secretOf = (hash: Redacted.Redacted): string => Redacted.value(hash).slice(hashPrefix.length)

/** How a change may end, besides well: somebody else was faster, or not all have answered. */
const expectedOfChanges = new Set(["ApiKeyNotFound", "VersionConflict", "Unconfirmed"])

const tell = ({ version, isActive, scopes, expiresAt }: ApiKey): string =>
  `version ${version}, ${isActive ? "active" : "inactive"}, scopes [${scopes.join(" ")}], expires ${expiresAt?.epochMilliseconds ?? "never"}`

const tellAttempt = ({ secret, scopes, maxAge }: Attempt): string =>
  `(secret ${secret.slice(0, 4)}, scopes ${scopes?.join(" ") ?? "-"}, maxAge ${maxAge ?? "-"})`
