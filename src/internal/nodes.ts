/**
 * Keeps a node in touch with the others: hears their changes, tells its own, and confirms.
 *
 * A node uses its cache only under a lease, which its own heartbeat renews when it comes back over the channel: so a connection that was cut,
 * or that has gone silent, ends it. The register counts a node as live for longer than its lease, so whoever has vanished from the register has
 * stopped using its cache.
 */
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
  readonly trustUntil: (millis: number) => void
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
  /** When the heartbeats were sent that haven't come back. */
  const sent = new Map<string, number>()
  let trustedUntil = Number.NEGATIVE_INFINITY
  let beats = 0
  let changes = 0
  let hasMissed = false

  const trustUntil = (millis: number): void => {
    trustedUntil = millis
    listener.trustUntil(millis)
  }
  const distrust = (): void => {
    trustUntil(Number.NEGATIVE_INFINITY)
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
          const at = message.node === node ? sent.get(message.beat) : undefined
          if (at === undefined) return
          sent.delete(message.beat)
          trustUntil(Math.max(trustedUntil, at + lease))
        })
      case "Confirm":
        listener.changed(message.keyId)
        // Who asks asks again, and counts us as silent if this doesn't get through.
        return Effect.ignore(invalidation.publish(Message.confirmed(message.change, node)))
      case "Confirmed":
        return Effect.suspend(() => waiting.get(message.change)?.hear(message.node) ?? Effect.void)
    }
  }

  const beat = Effect.gen(function* () {
    const at = clock.currentTimeMillisUnsafe()
    if (beats > 0 && at >= trustedUntil && sent.size > 0 && Math.min(...sent.values()) + lease <= at) {
      return yield* new InvalidationError({ operation: "hear its own heartbeat", cause: "silence" })
    }
    yield* invalidation.register(node, registered)
    const count = String(++beats)
    sent.set(count, at)
    yield* invalidation.publish(Message.beat(node, count))
    if (!hasMissed) return
    hasMissed = false
    yield* Effect.onError(invalidation.publish(Message.everything), () => Effect.sync(() => void (hasMissed = true)))
  })

  const converse = Effect.gen(function* () {
    const messages = yield* invalidation.subscribe
    // What was read before may have changed unheard.
    distrust()
    const listen = Effect.forever(Effect.flatMap(Queue.take(messages), hear))
    return yield* Effect.raceFirst(listen, Effect.forever(Effect.andThen(beat, Effect.sleep(heartbeat))))
  }).pipe(
    Effect.tapCause((cause) =>
      Effect.suspend(() => {
        const wasTrusted = trustedUntil > Number.NEGATIVE_INFINITY
        // What isn't trusted needn't be distrusted again: each time makes all look-ups under way begin anew.
        if (!wasTrusted) return Effect.logDebug("Other nodes still can't be heard", cause)
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
      for (const live of yield* invalidation.nodes) confirmation.expect(live)
      // It was applied here before it was told.
      yield* confirmation.hear(node)
      const asking = Effect.forever(Effect.andThen(invalidation.publish(Message.confirm(change, keyId)), Effect.sleep(askAgain)))
      yield* Effect.raceFirst(confirmation.done, asking)
    })

  return {
    tell: (keyId) =>
      invalidation.announcesWrites
        ? Effect.void
        : Effect.catch(invalidation.publish(Message.changed(keyId)), (error) => {
            hasMissed = true
            return Effect.logWarning("Could not tell the other nodes of a change; trying again", error)
          }),
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
