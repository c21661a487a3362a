/** Makes the parts of a simulated history: a slow store that loses answers, a hasher, tokens, and nodes with their own clocks. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { type ApiKey, type ApiKeyId, type KeyId, StoredApiKey } from "../../../ApiKey.ts"
import { RepositoryError } from "../../../ApiKeyError.ts"
import { ApiKeyHasher } from "../../../ApiKeyHasher.ts"
import { ApiKeyInvalidation } from "../../../ApiKeyInvalidation.ts"
import { ApiKeySeals } from "../../../ApiKeySeals.ts"
import { ApiKeyRepository, type Use } from "../../../ApiKeyRepository.ts"
import * as ApiKeyEvents from "../../../ApiKeyEvents.ts"
import * as ApiKeys from "../../../ApiKeys.ts"
import * as ApiKeyToken from "../../../ApiKeyToken.ts"
import { changed } from "../../nodes/message.ts"
import { type Channel, type Draw, type Hub, makeHub, makeRegister } from "../faultyInvalidation.ts"
import type { Episode } from "./episode.ts"
import { type Change, type Heard, makeHeard } from "./heard.ts"
import { makeNodeModel, type NodeModel } from "./knowledge.ts"
import { makeAhead } from "./clocks.ts"
import { kindsOf } from "./policies.ts"
import { formatOf, makeSeals, type NodeSeals, type Seals } from "./seals.ts"
import { type Content, lastOf, shorten, tell, tellAnswer, type Token, whatIsWrongWithEnd, type Written } from "./model.ts"

/** The change that a write is part of. */
export const CurrentChange = Context.Reference<Change | undefined>("effect-api-key/testing/CurrentChange", {
  defaultValue: () => undefined,
})

/** Whether every write loses its answer, regardless of the setting. */
export const LosesAnswers = Context.Reference<boolean>("effect-api-key/testing/LosesAnswers", { defaultValue: () => false })

/** A node, from its start to its end. A restart makes another one. */
export interface SimulatedNode {
  readonly name: string
  readonly apiKeys: ApiKeys.ApiKeys["Service"]
  readonly channel: Channel
  readonly scope: Scope.Closeable
  readonly model: NodeModel
  /** The milliseconds by which the node's clock is ahead. */
  readonly skew: number
  /** The age from which the node refuses tokens, in milliseconds. */
  readonly maximumAge: number
  /** Whether the node knows the policy `newer`, which some nodes don't know yet. */
  readonly knowsNewer: boolean
  readonly seals: NodeSeals
  /** Runs the effect on the node's clock. */
  readonly run: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
}

export interface World {
  readonly hub: Hub
  readonly heard: Heard
  readonly startNode: Effect.Effect<SimulatedNode>
  /** Draws one of the tokens that will be issued next, which belong to no record yet. Its seal may be another one. */
  readonly drawUpcoming: () => Token
  readonly inventSecret: (keyId: KeyId) => string
  readonly toText: (token: Token) => string
  /** Inserts a record past the service, as the restore of a backup does. The nodes are told of it. */
  readonly insert: (apiKey: ApiKey, secrets: Pick<Content, "secret" | "previousSecret">) => Effect.Effect<unknown>
  readonly delete: (id: ApiKeyId) => Effect.Effect<unknown>
}

/** The longest time until a write is made after it was reported as failed, in milliseconds. */
const latest = 25_000

export const makeWorld = Effect.fnUntraced(function* (episode: Episode) {
  const { setting, chance, draw, pick, log } = episode
  const store = yield* ApiKeyRepository
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const hub = yield* makeHub(draw, setting.faults, setting.announcesWrites)
  const tokens = makeTokens(draw)
  const seals = makeSeals(episode)
  const keyStore = yield* makeStore(episode, hub, seals)
  const heard = makeHeard(episode, store.transaction !== undefined)

  const hashing = Effect.suspend(() => (chance(70) ? Effect.void : Effect.sleep(1 + draw(setting.hashDelay))))
  const hasher = ApiKeyHasher.of({
    hash: (secret) => Effect.as(hashing, hashOf(Redacted.value(secret))),
    verify: (secret, hash) => Effect.map(hashing, () => secretOf(hash) === Redacted.value(secret)),
  })

  let lives = 0
  const startNode = Effect.gen(function* () {
    const name = `n${++lives}`
    const skew = draw(1 + setting.skew)
    const knowsNewer = chance(60)
    const nodeSeals = seals.startNode(name)
    const { rule } = nodeSeals
    const nodeClock = makeAhead(clock, skew)
    const model = makeNodeModel(name, (id) => episode.records.find(id)?.keyIds ?? [])
    const channel = connect(episode, hub, name, model)
    const nodeScope = yield* Scope.make()
    const options = {
      token: formatOf(rule, tokens.generate),
      ...((rule === "preferred" || rule === "required") && { seals: rule, refuseUnsealed: true }),
      nodeName: name,
      // A cache of 4 entries is too small for the keys, so entries are evicted.
      cache: { timeToLive: setting.timeToLive, entries: pick([4, 1_000]), refusalTimeToLive: setting.refusalTimeToLive },
      // Slow hashes get many permits, and strangers may wait long, so that no verification is refused as one too many.
      hashing: { permits: setting.hashDelay > setting.storeDelay ? 1_000 : 4, maxWait: "1 hour" },
      lastUsedInterval: "1 second",
      policies: kindsOf(knowsNewer),
      ...(Number.isFinite(setting.maximumAge) && { maximumAge: setting.maximumAge, refuseAged: true }),
    } satisfies ApiKeys.Options
    const context = yield* Layer.buildWithScope(
      ApiKeys.layerWith(options).pipe(
        Layer.provide([
          Layer.succeed(ApiKeyHasher, hasher),
          Layer.succeed(ApiKeySeals, nodeSeals.service),
          Layer.succeed(ApiKeyRepository, keyStore.repositoryOf(model)),
          Layer.succeed(ApiKeyInvalidation, ApiKeyInvalidation.of(channel.service)),
          ApiKeyEvents.layer(Effect.succeed(heard.listenerOf(name))),
        ]),
        Layer.fresh,
        Layer.orDie,
      ),
      nodeScope,
    ).pipe(Effect.provideService(Clock.Clock, nodeClock))
    yield* Scope.addFinalizer(scope, Scope.close(nodeScope, Exit.void))
    if (!knowsNewer) log(undefined, `${name} doesn't know the policy newer`)
    if (skew > 0) log(undefined, `${name} has a clock that is ${skew} ms ahead`)
    const node: SimulatedNode = {
      name,
      apiKeys: Context.get(context, ApiKeys.ApiKeys),
      channel,
      scope: nodeScope,
      model,
      skew,
      maximumAge: setting.maximumAge,
      knowsNewer,
      seals: nodeSeals,
      run: Effect.provideService(Clock.Clock, nodeClock),
    }
    return node
  })

  const world: World = {
    hub,
    heard,
    startNode,
    drawUpcoming: () => seals.sealMost(pick(tokens.upcoming), 30),
    inventSecret: (keyId) => seals.sealMost(tokens.make(keyId), 20).secret,
    toText: ({ keyId, secret }) => Redacted.value(ApiKeyToken.defaultFormat.format({ prefix: "ak", keyId, secret: Redacted.make(secret) })),
    insert: keyStore.insertByHand,
    delete: (id) => Effect.ignore(store.delete(id)),
  }
  return world
})

// ---------------------------------------------------------------------------------------------------------------------------------------
// The store
// ---------------------------------------------------------------------------------------------------------------------------------------

const makeStore = Effect.fnUntraced(function* (episode: Episode, hub: Hub, { sealIdOf }: Seals) {
  const { setting, statistics, records, chance, draw, millis, tick, log, fail } = episode
  const store = yield* ApiKeyRepository
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const oneWriter = yield* Semaphore.make(1)
  /** The ids of restored records. A node may use a token of one without knowing that a grace waits for that use. */
  const restored = new Set<string>()

  const pause = Effect.suspend(() => (chance(40) ? Effect.void : Effect.sleep(1 + draw(1 + draw(setting.storeDelay)))))
  const slowly = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.andThen(
      pause,
      Effect.tap(effect, () => pause),
    )

  const reading = <A, E>(name: string, find: Effect.Effect<A, E>): Effect.Effect<A, E | RepositoryError> =>
    Effect.flatMap(slowly(find), (found) => {
      if (!chance(setting.storeFailures)) return Effect.succeed(found)
      episode.storeFailedAt.set(name, tick())
      return Effect.fail(new RepositoryError({ operation: "find", isRetryable: true, cause: "simulated" }))
    })

  /** Makes writes one after another, so that the model's order is the store's. `note` gets the moment at which the write began. */
  const inTurn = <A, E>(write: Effect.Effect<A, E>, note: (result: A, begun: number) => Effect.Effect<unknown>): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      const begun = tick()
      return Effect.tap(write, (result) => note(result, begun))
    }).pipe(Effect.uninterruptible, oneWriter.withPermit)

  /** Notes a record's new state, and announces it if the setting says so. */
  const note = (id: string, content: Content | undefined, begun: number): Effect.Effect<Written> =>
    Effect.gen(function* () {
      const written = records.write(id, content, begun, tick(), millis())
      log(id, `is now ${content?.apiKey === undefined ? "gone" : tell(content.apiKey)}`)
      if (written.wrong !== undefined) fail(id, written.wrong)
      const change = yield* CurrentChange
      if (change !== undefined) change.written = written
      if (setting.announcesWrites) yield* Effect.forEach(written.keyIds, (keyId) => hub.announce(changed(keyId)), { discard: true })
      return written
    })

  /** Notes a write that keeps the secrets. A write that changed nothing isn't noted. */
  const noteUpdate = (apiKey: ApiKey, begun: number): Effect.Effect<Written | undefined> =>
    Effect.suspend(() => {
      const record = records.find(apiKey.id)
      const before = record && lastOf(record)
      if (before === undefined || tellAnswer(apiKey) === before.text) return Effect.undefined
      return note(apiKey.id, { apiKey, secret: before.secret, previousSecret: before.previousSecret }, begun)
    })

  const noteRotation = (apiKey: ApiKey, hash: Redacted.Redacted, begun: number): Effect.Effect<Written> =>
    Effect.suspend(() => {
      statistics.rotations++
      const record = records.find(apiKey.id)
      return note(apiKey.id, { apiKey, secret: secretOf(hash), previousSecret: record ? lastOf(record).secret : "" }, begun)
    })

  /** Reports some writes as failed, as the setting says. Such a write was made all the same, or is made later, or never. */
  const answering = <A, E>(write: Effect.Effect<A, E>): Effect.Effect<A, E | RepositoryError> =>
    Effect.gen(function* () {
      const change = yield* CurrentChange
      const losesAnswers = yield* LosesAnswers
      const isLate = chance(losesAnswers ? 50 : setting.lateWrites)
      if (isLate) {
        const made = Effect.tap(write, () => Effect.sync(() => statistics.lateWrites++))
        // One in five is never made.
        if (chance(80)) yield* Effect.forkIn(Effect.andThen(Effect.sleep(1 + draw(latest)), Effect.ignore(made)), scope)
        yield* pause
      }
      const result = isLate ? undefined : { value: yield* write }
      if (result !== undefined && !losesAnswers && !chance(setting.lostAnswers)) return result.value
      if (!isLate) statistics.lostAnswers++
      if (change !== undefined) change.isAnswerLost = true
      return yield* new RepositoryError({ operation: "write", isRetryable: true, cause: "simulated" })
    })
  const changing = <A, E>(write: Effect.Effect<A, E>, note: (result: A, begun: number) => Effect.Effect<unknown>) =>
    answering(slowly(inTurn(write, note)))

  /** Whether a grace waits for this use, as the first one of a new token. */
  const settles = ({ id, keyId }: Use): boolean => {
    const record = records.find(id)
    const apiKey = record && lastOf(record).apiKey
    return apiKey?.keyId === keyId && apiKey.previous !== null && apiKey.previous.graceSeconds !== null
  }

  const touch = (uses: ReadonlyArray<Use>, node: NodeModel): Effect.Effect<ReadonlyArray<ApiKey>, RepositoryError> =>
    Effect.suspend(() => {
      const settled: Array<Written> = []
      const write = (uses: ReadonlyArray<Use>) => store.touch(uses)
      const noteAll = (apiKeys: ReadonlyArray<ApiKey>, begun: number) =>
        Effect.forEach(apiKeys, (apiKey) =>
          Effect.map(noteUpdate(apiKey, begun), (written) => {
            if (written === undefined) return
            statistics.settled++
            settled.push(written)
            const wrong = whatIsWrongWithEnd(written, episode.presentedAt.get(apiKey.keyId), millis() + setting.skew)
            if (wrong !== undefined) fail(apiKey.id, wrong)
            const isTold = setting.announcesWrites || restored.has(apiKey.id) || node.hasDoubt(apiKey.id, millis())
            if (!isTold) fail(apiKey.id, "a grace was settled, and nobody was told before")
          }),
        )
      // Only uses that settle a grace are delayed and lose answers. Nothing waits for the others.
      const touched = uses.some(settles) ? changing(write(uses), noteAll) : inTurn(write(uses), noteAll)
      return Effect.tap(touched, () =>
        Effect.sync(() => {
          for (const { keyIds, moment } of settled) for (const keyId of keyIds) node.hear(keyId, moment + 0.5, millis())
        }),
      )
    })

  const insert = (key: StoredApiKey) => {
    const { apiKey, hash, previousHash } = key
    const content = { apiKey, secret: secretOf(hash), previousSecret: previousHash === null ? "" : secretOf(previousHash) }
    return slowly(inTurn(store.insert(key), (_, begun) => note(apiKey.id, content, begun)))
  }

  // The store's own register would go by the store's clock, so the simulation brings a register of its own.
  const { nodeRegister: _, ...keys } = store
  const register = setting.hasRegister ? { nodeRegister: makeRegister(clock, draw, setting.faults) } : {}
  const repositoryOf = (node: NodeModel): ApiKeyRepository["Service"] => ({
    ...keys,
    ...register,
    insert,
    findById: (id) => reading(id, store.findById(id)),
    findByKeyId: (keyId) => reading(keyId, store.findByKeyId(keyId)),
    countSeals: (at) => slowly(store.countSeals(at)),
    update: (id, changes, options) => changing(store.update(id, changes, options), noteUpdate),
    rotate: (id, token, options) => changing(store.rotate(id, token, options), (apiKey, begun) => noteRotation(apiKey, token.hash, begun)),
    endPrevious: (id, options) =>
      changing(store.endPrevious(id, options), ({ apiKey }, begun) =>
        Effect.map(noteUpdate(apiKey, begun), (written) => {
          if (written !== undefined) statistics.endedGraces++
        }),
      ),
    delete: (id, options) => changing(store.delete(id, options), (apiKey, begun) => note(apiKey.id, undefined, begun)),
    touch: (uses) => touch(uses, node),
  })

  const insertByHand: World["insert"] = (apiKey, { secret, previousSecret }) => {
    const previousHash = apiKey.previous === null ? null : hashOf(previousSecret)
    const keyIds = apiKey.previous === null ? [apiKey.keyId] : [apiKey.keyId, apiKey.previous.keyId]
    restored.add(apiKey.id)
    const tell = setting.announcesWrites ? Effect.void : Effect.forEach(keyIds, (keyId) => hub.announce(changed(keyId)), { discard: true })
    const sealId = sealIdOf({ keyId: apiKey.keyId, secret })
    const previousSealId = apiKey.previous === null ? null : sealIdOf({ keyId: apiKey.previous.keyId, secret: previousSecret })
    return Effect.andThen(insert(new StoredApiKey({ apiKey, hash: hashOf(secret), previousHash, sealId, previousSealId })), tell).pipe(
      // Another change may have restored the record, or taken its key id.
      Effect.ignore,
    )
  }
  return { repositoryOf, insertByHand }
})

const hashPrefix = "simulated:"
const hashOf = (secret: string): Redacted.Redacted => Redacted.make(`${hashPrefix}${secret}`)
const secretOf = (hash: Redacted.Redacted): string => Redacted.value(hash).slice(hashPrefix.length)

// ---------------------------------------------------------------------------------------------------------------------------------------
// Tokens
// ---------------------------------------------------------------------------------------------------------------------------------------

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
const textOf = (draw: Draw, length: number, digits: number): string => {
  let text = ""
  while (text.length < length) text += alphabet[draw(digits)]
  return text
}

const makeTokens = (draw: Draw) => {
  // Key ids consist of hexadecimal digits, so the cast holds.
  const make = (keyId = textOf(draw, 16, 16) as KeyId): Token => {
    // Digits and lower-case letters are a part of the alphabet of secrets.
    const characters = textOf(draw, 58, 36)
    return { keyId, secret: `${characters}${ApiKeyToken.checksum(`ak-${keyId}-${characters}`)}` }
  }
  const upcoming = Array.from({ length: 4 }, () => make())
  const generate = Effect.sync((): ApiKeyToken.TokenParts => {
    upcoming.push(make())
    // A token was pushed just now, so there is one.
    const { keyId, secret } = upcoming.shift()!
    return { prefix: "ak", keyId, secret: Redacted.make(secret) }
  })
  return { make, upcoming, generate }
}

// ---------------------------------------------------------------------------------------------------------------------------------------
// Nodes
// ---------------------------------------------------------------------------------------------------------------------------------------

/** Connects a node to the hub. Its messages go to the model and to the log of the history, too. */
const connect = ({ log, fail, tick, millis }: Episode, hub: Hub, name: string, model: NodeModel): Channel =>
  hub.connect({
    onPublish: (message, hasFailed) => {
      const wrong = model.onPublish(message, hasFailed, tick(), millis())
      if (hasFailed) log("keyId" in message ? message.keyId : undefined, `${name} can't publish ${message._tag}`)
      else if (message._tag === "Changed") log(message.keyId, `${name} tells of a change of ${shorten(message.keyId)}`)
      else if (message._tag === "Doubtful") log(message.id, `${name} tells that ${message.change} is in doubt`)
      else if (message._tag === "Settled") log(message.id, `${name} tells that ${message.change} has ended${tellKeyIds(message.keyIds)}`)
      if (wrong !== undefined) fail(undefined, wrong)
    },
    onSubscribe: () => {
      model.onSubscribe(tick(), millis())
      log(undefined, `${name} listens`)
    },
    onDeliver: (message, sentAt) => {
      model.onDeliver(message, sentAt, tick(), millis())
      if ("keyId" in message) log(message.keyId, `${name} hears ${message._tag} ${shorten(message.keyId)}`)
      else if (message._tag === "Doubtful") log(message.id, `${name} hears that ${message.change} is in doubt`)
      else if (message._tag === "Settled") log(message.id, `${name} hears that ${message.change} has ended${tellKeyIds(message.keyIds)}`)
      else if (message._tag === "Everything") log(undefined, `${name} hears that everything has changed`)
    },
    onEnd: () => {
      model.onEnd(millis())
      log(undefined, `${name} listens no more`)
    },
  })

const tellKeyIds = (keyIds: ReadonlyArray<string> | undefined): string => ` for ${keyIds?.map(shorten).join(" ") ?? "all"}`
