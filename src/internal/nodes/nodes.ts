/**
 * Keeps a node in touch with the others: hears their changes, tells its own, and confirms.
 *
 * A node uses its cache only under a lease. The node's own heartbeat, back over the channel, renews the lease, so a cut or silent connection
 * ends the lease. The register counts a node as live for longer than the lease. A node that has vanished from the register has therefore stopped
 * using its cache.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { ApiKeyId, KeyId } from "../../ApiKey.ts"
import { type RepositoryError, Unconfirmed } from "../../ApiKeyError.ts"
import { type ApiKeyInvalidation, InvalidationError } from "../../ApiKeyInvalidation.ts"
import type { NodeRegister } from "../../ApiKeyRepository.ts"
import * as ApiKeyMetrics from "../../ApiKeyMetrics.ts"
import { setBounded } from "../collection/bounded.ts"
import * as Message from "./message.ts"

/** The node's cache, as it is told of changes. */
export interface Listener {
  readonly changed: (keyId: string) => void
  readonly doubtful: (id: ApiKeyId, change: string, revives: boolean) => void
  readonly settled: (id: ApiKeyId, change: string, keyIds: ReadonlyArray<string> | undefined) => void
  readonly everythingChanged: () => void
  readonly trust: (from: number, until: number) => void
}

export interface Nodes {
  /** Tells the others of a change that was made and applied here. `tell` doesn't fail: a change that can't be told now is told later. */
  readonly tell: (message: string) => Effect.Effect<void>
  /** Returns when every live node has said that it applied the change. */
  readonly confirm: (id: ApiKeyId, keyId: KeyId, within: Duration.Duration) => Effect.Effect<void, Unconfirmed>
  /** Whether other nodes' changes are sure to be heard at this time (in milliseconds), so that the cache is used. */
  readonly isInTouch: (now: number) => boolean
}

/** A node that knows of no others. A call with `confirmWithin` suggests a forgotten channel, so the first such call logs a warning. */
export const alone = (): Nodes => {
  let hasWarned = false
  return {
    tell: () => Effect.void,
    confirm: () =>
      Effect.suspend(() => {
        if (hasWarned) return Effect.void
        hasWarned = true
        return Effect.logWarning("confirmWithin asks this node alone: without a layer of ApiKeyInvalidation it knows of no others")
      }),
    isInTouch: () => true,
  }
}

const heartbeat = Duration.seconds(2)
/** The time that a node goes on without hearing its own heartbeat, in milliseconds. */
const lease = 10_000
const leaseTicks = BigInt(lease) * 1_000_000n
/** The number of answers that wait to be given. Further answers are left out, and asked for again. */
const maxAnswers = 1_000
/** The time for which the register counts a node: longer than the lease, as clocks don't run alike. */
const registered = Duration.seconds(20)
/** The failure of a connection that has heard no heartbeat at all. */
const unheard = "hear any heartbeat"
/** The text of a warning, `/readyz` and `doctor`. */
export const notHeard = "Changes made elsewhere aren't heard, so each request asks the database"
const never = { from: Number.POSITIVE_INFINITY, until: Number.NEGATIVE_INFINITY }
/** The interval of asking for confirmations again, in case a message is lost. */
const askAgain = Duration.millis(500)
/** The register is read again sooner at first, as a node that has just begun is registered in a moment. */
const readAgain = Schedule.min([Schedule.exponential("20 millis"), Schedule.spaced(askAgain)])

/** The channel with the store's register, in the place of a register that may be lost or split. */
export const withRegister = (channel: ApiKeyInvalidation["Service"], register: NodeRegister | undefined): ApiKeyInvalidation["Service"] => {
  if (register === undefined || channel.registerAge === undefined) return channel
  const { registerAge: _, ...rest } = channel
  const failing = <A>(operation: string, effect: Effect.Effect<A, RepositoryError>) =>
    Effect.mapError(effect, (cause) => new InvalidationError({ operation, cause }))
  return {
    ...rest,
    register: (node, lease) => failing("register", register.register(node, lease)),
    unregister: (node) => failing("unregister", register.unregister(node)),
    nodes: failing("nodes", register.nodes),
  }
}

/** `remembered` is the longest time that any node uses a record after reading it. */
export const make = Effect.fnUntraced(function* (
  invalidation: ApiKeyInvalidation["Service"],
  node: string,
  listener: Listener,
  remembered: Duration.Duration,
): Effect.fn.Return<Nodes, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  // A register that is kept as safely as the keys, and for all nodes, knows all of them.
  const known = invalidation.registerAge === undefined ? undefined : makeKnown(clock, registered, remembered)
  const waiting = new Map<string, Confirmation>()
  /** The span in which other nodes' changes are sure to be heard, in milliseconds. */
  let trusted = never
  /** The warning of an outage that goes on. */
  let told: "nothing" | "outage" | "unheard" = "nothing"
  let beats = 0
  let changes = 0
  let hasMissed = false

  const answers = yield* Queue.dropping<string>(maxAnswers)

  const distrust = (): void => {
    trusted = never
    listener.trust(never.from, never.until)
    listener.everythingChanged()
  }

  const hear = (text: string, sent: Map<number, Sent>): void => {
    const message = Message.parse(text)
    switch (message._tag) {
      case "Changed":
        return listener.changed(message.keyId)
      case "Everything":
        return listener.everythingChanged()
      case "Doubtful":
        return listener.doubtful(message.id, message.change, message.revives)
      case "Settled":
        return listener.settled(message.id, message.change, message.keyIds)
      case "Beat": {
        known?.hear(message.node)
        const count = Number(message.beat)
        const heard = message.node === node ? sent.get(count) : undefined
        if (heard === undefined) return
        // Earlier heartbeats came back too, or are lost; their leases are shorter.
        for (const earlier of sent.keys()) if (earlier <= count) sent.delete(earlier)
        trusted = heard
        // The lease is by the wall clock, as other clocks stop while the machine sleeps. The lease has a beginning, as the wall clock may be set
        // back. Records read before the register knew this node aren't kept: confirmations may not have asked this node.
        return listener.trust(heard.from, heard.until)
      }
      case "Confirm":
        listener.changed(message.keyId)
        // Later messages mustn't wait until the answer got through. The asking node asks again, and counts this node as silent without an
        // answer.
        Queue.offerUnsafe(answers, Message.confirmed(message.change, node))
        return
      case "Confirmed":
        return waiting.get(message.change)?.hear(message.node)
      case "Left":
        known?.leave(message.node)
        for (const confirmation of waiting.values()) confirmation.hear(message.node)
        return
      case "Ignored":
        return
    }
  }

  /** Makes up for changes that couldn't be told, by the message `everything`. */
  const tellMissed = Effect.suspend(() => {
    if (!hasMissed) return Effect.void
    hasMissed = false
    return Effect.onError(invalidation.publish(Message.everything), () => Effect.sync(() => void (hasMissed = true)))
  })

  const beat = Effect.fnUntraced(function* (sent: Map<number, Sent>) {
    const until = clock.currentTimeMillisUnsafe() + lease
    const ticks = clock.monotonicTimeNanosUnsafe()
    const [oldest] = sent.values()
    if (oldest !== undefined && ticks - oldest.ticks >= leaseTicks) {
      return yield* new InvalidationError({ operation: trusted === never ? unheard : "hear its own heartbeat", cause: "silence" })
    }
    yield* invalidation.register(node, registered)
    const count = ++beats
    sent.set(count, { from: clock.currentTimeMillisUnsafe(), until, ticks })
    yield* invalidation.publish(Message.beat(node, String(count)))
    yield* tellMissed
  })

  /** Ends when the connection does. */
  const session = Effect.gen(function* () {
    const messages = yield* invalidation.subscribe
    /** The heartbeats that were sent and haven't come back, the oldest first. */
    const sent = new Map<number, Sent>()
    const listen = Effect.flatMap(Queue.takeAll(messages), (texts) => {
      for (const text of texts) hear(text, sent)
      if (told === "nothing" || trusted === never) return Effect.void
      told = "nothing"
      return Effect.logInfo("Changes made elsewhere are heard again")
    })
    const answer = Effect.flatMap(Queue.take(answers), (text) => Effect.ignore(invalidation.publish(text)))
    return yield* Effect.raceAllFirst([
      Effect.forever(listen),
      Effect.forever(answer),
      Effect.forever(Effect.andThen(beat(sent), Effect.sleep(heartbeat))),
    ])
  }).pipe(
    // A session begins anew after any end, as a defect in a channel mustn't leave the node alone for good.
    Effect.catchCause((cause) => Effect.fail(new InvalidationError({ operation: "stay in touch", cause: Cause.squash(cause) }))),
    Effect.tapError((error) =>
      Effect.suspend(() => {
        // A cache that isn't trusted needn't be distrusted again: each time makes all look-ups under way begin anew.
        if (trusted !== never) distrust()
        const { advice } = invalidation
        // No call has failed, so the advice is logged in place of the cause.
        const isUnheard = advice !== undefined && error.cause instanceof InvalidationError && error.cause.operation === unheard
        if (told === "unheard" || (told === "outage" && !isUnheard)) return Effect.logDebug(notHeard, Cause.fail(error))
        const count = told === "nothing" ? Metric.update(ApiKeyMetrics.outages, 1) : Effect.void
        told = isUnheard ? "unheard" : "outage"
        const warn = isUnheard ? Effect.logWarning(`${notHeard}. ${advice}`) : Effect.logWarning(notHeard, Cause.fail(error))
        return Effect.andThen(count, warn)
      }),
    ),
    Effect.scoped,
  )
  const stayInTouch = Effect.retry(session, Schedule.jittered(Schedule.spaced("250 millis")))

  // The cache isn't used before the first heartbeat has come back.
  distrust()
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      distrust()
      const leave = Effect.andThen(invalidation.unregister(node), invalidation.publish(Message.left(node)))
      return Effect.ignore(Effect.timeout(Effect.andThen(Effect.ignore(tellMissed), leave), "1 second"))
    }),
  )
  yield* Effect.forkScoped(stayInTouch)

  /** The nodes that may remember records read before now. */
  const live = Effect.gen(function* () {
    const nodes = yield* invalidation.nodes
    // A node that has only begun isn't in the register yet. A register that has lost this node has lost others too.
    if (!nodes.includes(node)) return yield* new InvalidationError({ operation: "find itself among the nodes", cause: "unknown" })
    // A register younger than a lease may lack nodes whose leases go on. The age is read last, so a loss in between shows.
    const age = invalidation.registerAge === undefined ? Duration.infinity : yield* invalidation.registerAge
    if (Duration.toMillis(age) < lease) return yield* new InvalidationError({ operation: "find all nodes", cause: "a new register" })
    if (known === undefined) return nodes
    for (const other of nodes) known.hear(other)
    return known.all()
  })

  const askAll = (change: string, keyId: KeyId, confirmation: Confirmation) =>
    Effect.gen(function* () {
      // The retry goes on until `live` succeeds, so no failure is left.
      const nodes = yield* Effect.orDie(Effect.retry(live, readAgain))
      for (const other of nodes) confirmation.expect(other)
      // The change was applied here before the others are asked.
      confirmation.hear(node)
      const ask = Effect.andThen(Effect.ignore(invalidation.publish(Message.confirm(change, keyId))), Effect.sleep(askAgain))
      yield* Effect.raceFirst(confirmation.done, Effect.forever(ask))
    })

  return {
    isInTouch: (now) => now >= trusted.from && now < trusted.until,
    tell: (message) =>
      invalidation.announcesWrites
        ? Effect.void
        : invalidation.publish(message).pipe(
            Effect.onError(() => Effect.sync(() => void (hasMissed = true))),
            Effect.catch((error) => Effect.logWarning("Could not tell of a change; trying again", error)),
          ),
    confirm: (id, keyId, within) =>
      Effect.suspend(() => {
        const change = `${node}/${++changes}`
        const confirmation = makeConfirmation()
        waiting.set(change, confirmation)
        return askAll(change, keyId, confirmation).pipe(
          Effect.timeoutOption(within),
          Effect.flatMap((done) =>
            done._tag === "Some" ? Effect.void : Effect.fail(new Unconfirmed({ id, nodes: confirmation.missing() })),
          ),
          Effect.ensuring(Effect.sync(() => waiting.delete(change))),
        )
      }),
  }
})

/**
 * The span in which a heartbeat lets the cache be used, in milliseconds of the wall clock. `ticks` is the time of sending, by the monotonic
 * clock.
 */
interface Sent {
  readonly from: number
  readonly until: number
  /** In nanoseconds. */
  readonly ticks: bigint
}

/** The nodes that were seen. A node may vanish from the register without having stopped, for example when Redis is split. */
interface Known {
  readonly hear: (node: string) => void
  readonly leave: (node: string) => void
  /** The nodes that haven't left, and were seen within the time of registration plus the time of remembering. */
  readonly all: () => ReadonlyArray<string>
}

const maxKnown = 10_000

const makeKnown = (clock: Clock.Clock, registered: Duration.Duration, remembered: Duration.Duration): Known => {
  const kept = Duration.toNanosUnsafe(Duration.sum(registered, remembered))
  const seen = new Map<string, { at: bigint; hasLeft: boolean }>()
  return {
    hear: (node) => {
      // Bounded, as any speaker on the channel may make names up.
      setBounded(seen, maxKnown, node, { at: clock.monotonicTimeNanosUnsafe(), hasLeft: seen.get(node)?.hasLeft ?? false })
    },
    leave: (node) => setBounded(seen, maxKnown, node, { at: clock.monotonicTimeNanosUnsafe(), hasLeft: true }),
    all: () => {
      const oldest = clock.monotonicTimeNanosUnsafe() - kept
      for (const [node, { at }] of seen) if (at < oldest) seen.delete(node)
      return Array.from(seen).flatMap(([node, { hasLeft }]) => (hasLeft ? [] : [node]))
    },
  }
}

/** Waits for nodes to say that they applied a change. */
interface Confirmation {
  readonly expect: (node: string) => void
  readonly hear: (node: string) => void
  readonly missing: () => ReadonlyArray<string>
  readonly done: Effect.Effect<void>
}

const makeConfirmation = (): Confirmation => {
  const missing = new Set<string>()
  const done = Deferred.makeUnsafe<void>()
  return {
    expect: (node) => missing.add(node),
    hear: (node) => {
      missing.delete(node)
      if (missing.size === 0) Deferred.doneUnsafe(done, Effect.void)
    },
    missing: () => Array.from(missing).sort(),
    done: Deferred.await(done),
  }
}
