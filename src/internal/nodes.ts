/**
 * Keeps a node in touch with the others: hears their changes, tells its own, and confirms.
 *
 * A node uses its cache only under a lease, which its own heartbeat renews when it comes back over the channel: so a connection that was cut,
 * or that has gone silent, ends it. The register counts a node as live for longer than its lease, so whoever has vanished from the register has
 * stopped using its cache.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type { ApiKeyId, KeyId } from "../ApiKey.ts"
import { Unconfirmed } from "../ApiKeyError.ts"
import { type ApiKeyInvalidation, InvalidationError } from "../ApiKeyInvalidation.ts"
import * as ApiKeyMetrics from "../ApiKeyMetrics.ts"
import * as Message from "./invalidationMessage.ts"

/** What the node's cache is told. */
export interface Listener {
  readonly changed: (keyId: string) => void
  readonly everythingChanged: () => void
  readonly trust: (from: number, until: number) => void
}

export interface Nodes {
  /** Tells the others of a change that was made and applied here. It doesn't fail: what can't be told now is told later. */
  readonly tell: (keyId: KeyId) => Effect.Effect<void>
  /** Returns when every live node has said that it applied the change. */
  readonly confirm: (id: ApiKeyId, keyId: KeyId, within: Duration.Duration) => Effect.Effect<void, Unconfirmed>
}

/** A node without others. */
export const alone: Nodes = { tell: () => Effect.void, confirm: () => Effect.void }

const heartbeat = Duration.seconds(2)
/** How long a node goes on without hearing its own heartbeat, in milliseconds. */
const lease = 10_000
const leaseTicks = BigInt(lease) * 1_000_000n
/** Answers that wait to be given; beyond it they are left out, and asked for again. */
const maxAnswers = 1_000
/** How long the register counts it: longer, as clocks don't run alike. */
const registered = Duration.seconds(20)
/** Asked again meanwhile, in case that a message is lost. */
const askAgain = Duration.millis(500)

export const make = Effect.fnUntraced(function* (
  invalidation: ApiKeyInvalidation["Service"],
  node: string,
  listener: Listener,
): Effect.fn.Return<Nodes, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const waiting = new Map<string, Confirmation>()
  /** The heartbeats that were sent and haven't come back, the oldest first. */
  const sent = new Map<number, Sent>()
  let isTrusted = false
  let beats = 0
  let changes = 0
  let hasMissed = false

  const answers = yield* Queue.dropping<string>(maxAnswers)
  /** The register has known this node at least once. */
  const isKnown = yield* Deferred.make<void>()

  const trustSince = (at: number): void => {
    isTrusted = true
    // By the wall clock, as others don't go on while the machine sleeps; and from `at` on, as this one may be set back.
    listener.trust(at, at + lease)
  }
  const distrust = (): void => {
    isTrusted = false
    listener.trust(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)
    listener.everythingChanged()
    sent.clear()
  }

  const hear = (text: string): Effect.Effect<void> => {
    const message = Message.parse(text)
    switch (message._tag) {
      case "Changed":
        return Effect.sync(() => listener.changed(message.keyId))
      case "Everything":
        return Effect.sync(listener.everythingChanged)
      case "Beat":
        return Effect.sync(() => {
          const count = Number(message.beat)
          const heard = message.node === node ? sent.get(count) : undefined
          if (heard === undefined) return
          // Those before it came back too, or are lost; neither says more.
          for (const earlier of sent.keys()) if (earlier <= count) sent.delete(earlier)
          trustSince(heard.at)
        })
      case "Confirm":
        return Effect.sync(() => {
          listener.changed(message.keyId)
          // What comes after it mustn't wait until the answer got through. Who asks asks again, and counts us as silent without one.
          Queue.offerUnsafe(answers, Message.confirmed(message.change, node))
        })
      case "Confirmed":
        return Effect.suspend(() => waiting.get(message.change)?.hear(message.node) ?? Effect.void)
    }
  }

  const beat = Effect.gen(function* () {
    const at = clock.currentTimeMillisUnsafe()
    const ticks = clock.monotonicTimeNanosUnsafe()
    const [oldest] = sent.values()
    if (oldest !== undefined && ticks - oldest.ticks >= leaseTicks) {
      return yield* new InvalidationError({ operation: "hear its own heartbeat", cause: "silence" })
    }
    yield* invalidation.register(node, registered)
    yield* Deferred.succeed(isKnown, undefined)
    const count = ++beats
    sent.set(count, { at, ticks })
    yield* invalidation.publish(Message.beat(node, String(count)))
    if (!hasMissed) return
    hasMissed = false
    yield* Effect.onError(invalidation.publish(Message.everything), () => Effect.sync(() => void (hasMissed = true)))
  })

  const converse = Effect.gen(function* () {
    const messages = yield* invalidation.subscribe
    // What was read before may have changed unheard.
    distrust()
    const listen = Effect.forever(Effect.flatMap(Queue.take(messages), hear))
    const answer = Effect.forever(Effect.flatMap(Queue.take(answers), (text) => Effect.ignore(invalidation.publish(text))))
    return yield* Effect.raceAllFirst([listen, answer, Effect.forever(Effect.andThen(beat, Effect.sleep(heartbeat)))])
  }).pipe(
    // Whatever ends it, it is begun anew: a defect in a channel mustn't leave the node alone for good.
    Effect.catchCause((cause) => Effect.fail(new InvalidationError({ operation: "stay in touch", cause: Cause.squash(cause) }))),
    Effect.tapCause((cause) =>
      Effect.suspend(() => {
        // What isn't trusted needn't be distrusted again: each time makes all look-ups under way begin anew.
        if (!isTrusted) return Effect.logDebug("Other nodes still can't be heard", cause)
        distrust()
        return Effect.andThen(
          Metric.update(ApiKeyMetrics.outages, 1),
          Effect.logWarning("Changes that other nodes make aren't heard any more; asking the database for each request meanwhile", cause),
        )
      }),
    ),
  )
  /** Ends when the connection does. One that hangs isn't waited for: it may take as long to close as it was silent. */
  const session = Effect.flatMap(Scope.make(), (scope) =>
    Effect.onExit(Effect.provideService(converse, Scope.Scope, scope), (exit) =>
      Effect.flatMap(Effect.forkDetach(Scope.close(scope, exit), { startImmediately: true }), (closing) =>
        Effect.timeoutOption(Effect.interruptible(Fiber.await(closing)), "1 second"),
      ),
    ),
  )
  const stayInTouch = Effect.retry(session, Schedule.jittered(Schedule.spaced("250 millis")))

  // Nothing is cached before the first heartbeat has come back.
  distrust()
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      distrust()
      return Effect.ignore(Effect.timeout(invalidation.unregister(node), "1 second"))
    }),
  )
  yield* Effect.forkScoped(stayInTouch)

  const askAll = (change: string, keyId: KeyId, confirmation: Confirmation) =>
    Effect.gen(function* () {
      // Who has only begun isn't in the register yet.
      yield* Deferred.await(isKnown)
      const live = yield* invalidation.nodes
      // A register that doesn't know us has lost others too.
      if (!live.includes(node)) return yield* new InvalidationError({ operation: "find itself among the nodes", cause: "unknown" })
      for (const other of live) confirmation.expect(other)
      // It was applied here before it was told.
      yield* confirmation.hear(node)
      const asking = Effect.forever(Effect.andThen(invalidation.publish(Message.confirm(change, keyId)), Effect.sleep(askAgain)))
      yield* Effect.raceFirst(confirmation.done, asking)
    })

  return {
    tell: (keyId) =>
      invalidation.announcesWrites
        ? Effect.void
        : invalidation.publish(Message.changed(keyId)).pipe(
            Effect.onError(() => Effect.sync(() => void (hasMissed = true))),
            Effect.catch((error) => Effect.logWarning("Could not tell the other nodes of a change; trying again", error)),
          ),
    confirm: (id, keyId, within) =>
      Effect.suspend(() => {
        const change = `${node}/${++changes}`
        const confirmation = makeConfirmation()
        waiting.set(change, confirmation)
        return askAll(change, keyId, confirmation).pipe(
          Effect.timeoutOption(within),
          Effect.mapError(() => new Unconfirmed({ id, nodes: confirmation.missing() })),
          Effect.flatMap((done) =>
            done._tag === "Some" ? Effect.void : Effect.fail(new Unconfirmed({ id, nodes: confirmation.missing() })),
          ),
          Effect.ensuring(Effect.sync(() => waiting.delete(change))),
        )
      }),
  }
})

/** When a heartbeat was sent, in milliseconds of the wall clock and in nanoseconds of one that nobody sets. */
interface Sent {
  readonly at: number
  readonly ticks: bigint
}

/** Waits for nodes to say that they applied a change. */
interface Confirmation {
  readonly expect: (node: string) => void
  readonly hear: (node: string) => Effect.Effect<void>
  readonly missing: () => ReadonlyArray<string>
  readonly done: Effect.Effect<void>
}

const makeConfirmation = (): Confirmation => {
  const missing = new Set<string>()
  const done = Deferred.makeUnsafe<void>()
  return {
    expect: (node) => missing.add(node),
    hear: (node) =>
      Effect.suspend(() => {
        missing.delete(node)
        return missing.size === 0 ? Effect.asVoid(Deferred.succeed(done, undefined)) : Effect.void
      }),
    missing: () => Array.from(missing).sort(),
    done: Deferred.await(done),
  }
}
