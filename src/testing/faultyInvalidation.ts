import * as Clock from "effect/Clock"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { type ApiKeyInvalidation, InvalidationError } from "../ApiKeyInvalidation.ts"
import { type Message, parse } from "../internal/invalidationMessage.ts"

/**
 * How badly messages travel.
 * @category models
 * @since 0.1.0
 */
export interface Faults {
  /** How many of a million can't be sent, which the sender learns. */
  readonly failed: number
  /** How many of a million get lost on their way to one node, unnoticed. */
  readonly lost: number
  /** How many of a million arrive twice. */
  readonly doubled: number
  /** How long one is under way at most, in milliseconds: as each takes a time of its own, they overtake each other. */
  readonly delay: number
  /** How long it takes at most until a node is in the register, and again until it learns so, in milliseconds. */
  readonly registering: number
}

/** Draws whole numbers from 0 up to but excluding `bound`. @category models @since 0.1.0 */
export type Draw = (bound: number) => number

/** What happens on the way. A listener may rely on it: a message is heard within the millisecond of the clock in which it is delivered. */
export interface Watcher {
  readonly onPublish: (message: Message, hasFailed: boolean) => void
  readonly onSubscribe: () => void
  readonly onDeliver: (message: Message, sentAt: number) => void
  /** Nothing arrives from now on. */
  readonly onEnd: () => void
}

/** A node's end of the hub. */
export interface Channel {
  readonly service: ApiKeyInvalidation["Service"]
  /** Ends the subscription, which the node learns. */
  readonly cut: Effect.Effect<void>
  /** While it is set, what is sent to the node gets lost, and the node isn't told. */
  isDeaf: boolean
  /** While it is set, the node can neither publish nor be registered, nor listen anew. */
  isMute: boolean
}

export interface Hub {
  readonly connect: (watcher: Watcher) => Channel
  /** Tells all nodes, as a trigger of the store's does. */
  readonly announce: (message: string) => Effect.Effect<void>
  /** Loses the register, which begins anew with the next node that comes. */
  readonly loseRegister: Effect.Effect<void>
}

interface Subscription {
  readonly channel: Channel
  readonly watcher: Watcher
  readonly queue: Queue.Queue<string, InvalidationError>
}

/**
 * Connects nodes in memory, and loses, doubles, delays and reorders what they say, as `draw` has it. Messages under way end with the scope.
 * @category constructors
 * @since 0.1.0
 */
export const makeHub = Effect.fnUntraced(function* (
  draw: Draw,
  faults: Faults,
  announcesWrites: boolean,
): Effect.fn.Return<Hub, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  const subscriptions = new Set<Subscription>()
  const register = new Map<string, number>()
  let registerBegan = clock.currentTimeMillisUnsafe()

  const end = (subscription: Subscription): void => {
    if (subscriptions.delete(subscription)) subscription.watcher.onEnd()
  }

  const deliver = (subscription: Subscription, text: string, sentAt: number) =>
    Effect.sync(() => {
      if (!subscriptions.has(subscription) || subscription.channel.isDeaf) return
      Queue.offerUnsafe(subscription.queue, text)
      subscription.watcher.onDeliver(parse(text), sentAt)
    })

  const send = (text: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const sentAt = clock.currentTimeMillisUnsafe()
      const deliveries: Array<Effect.Effect<unknown>> = []
      for (const subscription of subscriptions) {
        if (draw(million) < faults.lost) continue
        for (let copies = draw(million) < faults.doubled ? 2 : 1; copies > 0; copies--) {
          // At least one, so that it is the clock that wakes the listener, and waits until it is done. Few take long.
          const delay = 1 + draw(1 + draw(1 + draw(faults.delay)))
          deliveries.push(Effect.forkIn(Effect.andThen(Effect.sleep(delay), deliver(subscription, text, sentAt)), scope))
        }
      }
      return Effect.all(deliveries, { discard: true })
    })

  const connect = (watcher: Watcher): Channel => {
    const unlessMute = <A, R>(operation: string, effect: Effect.Effect<A, never, R>): Effect.Effect<A, InvalidationError, R> =>
      Effect.suspend((): Effect.Effect<A, InvalidationError, R> =>
        channel.isMute ? Effect.fail(new InvalidationError({ operation, cause: "mute" })) : effect,
      )
    const channel: Channel = {
      isDeaf: false,
      isMute: false,
      cut: Effect.sync(() => {
        for (const subscription of subscriptions) {
          if (subscription.channel !== channel) continue
          end(subscription)
          Queue.failCauseUnsafe(subscription.queue, Cause.fail(new InvalidationError({ operation: "listen", cause: "cut" })))
        }
      }),
      service: {
        announcesWrites,
        publish: (text) =>
          Effect.suspend(() => {
            const hasFailed = channel.isMute || draw(million) < faults.failed
            watcher.onPublish(parse(text), hasFailed)
            return hasFailed ? Effect.fail(new InvalidationError({ operation: "publish", cause: "failed" })) : send(text)
          }),
        subscribe: unlessMute(
          "subscribe",
          Effect.acquireRelease(
            Effect.map(Queue.unbounded<string, InvalidationError>(), (queue) => {
              const subscription: Subscription = { channel, watcher, queue }
              subscriptions.add(subscription)
              watcher.onSubscribe()
              return subscription
            }),
            (subscription) => Effect.sync(() => end(subscription)),
          ),
        ).pipe(Effect.map(({ queue }) => queue)),
        register: (node, lease) =>
          unlessMute(
            "register",
            Effect.gen(function* () {
              const takesItsTime = Effect.suspend(() => Effect.sleep(draw(1 + draw(1 + faults.registering))))
              if (faults.registering > 0) yield* takesItsTime
              register.set(node, clock.currentTimeMillisUnsafe() + Duration.toMillis(lease))
              if (faults.registering > 0) yield* takesItsTime
            }),
          ),
        unregister: (node) =>
          unlessMute(
            "unregister",
            Effect.sync(() => void register.delete(node)),
          ),
        nodes: unlessMute(
          "list the nodes",
          Effect.sync(() => {
            const now = clock.currentTimeMillisUnsafe()
            return Array.from(register.entries()).flatMap(([node, until]) => (now < until ? [node] : []))
          }),
        ),
        registerAge: unlessMute(
          "read the register's age",
          Effect.sync(() => Duration.millis(clock.currentTimeMillisUnsafe() - registerBegan)),
        ),
      },
    }
    return channel
  }

  const loseRegister = Effect.sync(() => {
    register.clear()
    registerBegan = clock.currentTimeMillisUnsafe()
  })

  return { connect, announce: send, loseRegister }
})

const million = 1_000_000
