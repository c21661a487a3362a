import * as Clock from "effect/Clock"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { type ApiKeyInvalidation, InvalidationError } from "../../ApiKeyInvalidation.ts"
import { type Message, parse } from "../nodes/message.ts"

/**
 * The faults of a simulated channel between nodes.
 * @category models
 * @since 0.1.0
 */
export interface Faults {
  /** The number of messages in a million that can't be sent. The sender is told. */
  readonly failed: number
  /** The number of messages in a million that get lost on their way to one node. Nobody is told. */
  readonly lost: number
  /** The number of messages in a million that arrive twice. */
  readonly doubled: number
  /** The longest time that a message is under way, in milliseconds. Each message takes a time of its own, so messages overtake each other. */
  readonly delay: number
  /** The longest time until the register holds a node, in milliseconds. The answer to the node may take as long again. */
  readonly registering: number
}

/** Draws whole numbers from 0 up to but excluding `bound`. @category models @since 0.1.0 */
export type Draw = (bound: number) => number

/**
 * Callbacks for the events of a node's subscription. A node hears a message within the millisecond of the clock in which the message is delivered.
 */
export interface Watcher {
  readonly onPublish: (message: Message, hasFailed: boolean) => void
  readonly onSubscribe: () => void
  readonly onDeliver: (message: Message, sentAt: number) => void
  /** The subscription has ended, so no more messages arrive. */
  readonly onEnd: () => void
}

/** Counts nodes as live for their leases. Registering takes a time that is drawn within `Faults.registering`. */
export interface Register {
  readonly register: (node: string, lease: Duration.Duration) => Effect.Effect<void>
  readonly unregister: (node: string) => Effect.Effect<void>
  readonly nodes: Effect.Effect<ReadonlyArray<string>>
}

/** A register that can be copied. The copy then changes independently of the original. */
interface Copyable extends Register {
  readonly age: Effect.Effect<Duration.Duration>
  readonly copy: () => Copyable
}

/** A node's end of the hub. */
export interface Channel {
  readonly service: ApiKeyInvalidation["Service"]
  /** Ends the subscription. The node is told. */
  readonly cut: Effect.Effect<void>
  /** Whether messages to the node get lost. The node isn't told. */
  isDeaf: boolean
  /** Whether the node can neither publish, nor be registered, nor subscribe. */
  isMute: boolean
  /** The part of a split hub that the node is connected to: 0 or 1. */
  side: number
}

export interface Hub {
  readonly connect: (watcher: Watcher) => Channel
  /** Sends a message to all nodes, as a trigger of the store does. */
  readonly announce: (message: string) => Effect.Effect<void>
  /** Loses the register. An empty one takes its place. */
  readonly loseRegister: Effect.Effect<void>
  /**
   * Splits the hub and its register into two parts, which then change independently. `heal` drops the second part and the connections of its
   * nodes. A node that connects meanwhile is on either part.
   */
  readonly split: Effect.Effect<void>
  readonly heal: Effect.Effect<void>
}

interface Subscription {
  readonly channel: Channel
  readonly watcher: Watcher
  readonly queue: Queue.Queue<string, InvalidationError>
}

/** A register in memory. @category constructors @since 0.1.0 */
export const makeRegister = (clock: Clock.Clock, draw: Draw, faults: Faults): Register =>
  startRegister(clock, draw, faults, new Map(), now(clock))

const now = (clock: Clock.Clock): number => clock.currentTimeMillisUnsafe()

const startRegister = (clock: Clock.Clock, draw: Draw, faults: Faults, live: Map<string, number>, began: number): Copyable => {
  const takesItsTime = Effect.suspend(() => (faults.registering > 0 ? Effect.sleep(draw(1 + draw(1 + faults.registering))) : Effect.void))
  return {
    register: (node, lease) =>
      Effect.gen(function* () {
        yield* takesItsTime
        live.set(node, now(clock) + Duration.toMillis(lease))
        yield* takesItsTime
      }),
    unregister: (node) => Effect.sync(() => void live.delete(node)),
    nodes: Effect.sync(() => Array.from(live.entries()).flatMap(([node, until]) => (now(clock) < until ? [node] : []))),
    age: Effect.sync(() => Duration.millis(now(clock) - began)),
    copy: () => startRegister(clock, draw, faults, new Map(live), began),
  }
}

/**
 * Connects nodes in memory. Messages get lost, doubled, delayed and reordered, as `draw` decides. Messages under way end with the scope.
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
  const begin = () => startRegister(clock, draw, faults, new Map(), now(clock))
  const channels = new Set<Channel>()
  /** The register of each part of the hub: one, or two while it is split. */
  let registers = [begin()]

  const end = (subscription: Subscription): void => {
    if (subscriptions.delete(subscription)) subscription.watcher.onEnd()
  }

  const deliver = (subscription: Subscription, text: string, sentAt: number) =>
    Effect.sync(() => {
      if (!subscriptions.has(subscription) || subscription.channel.isDeaf) return
      Queue.offerUnsafe(subscription.queue, text)
      subscription.watcher.onDeliver(parse(text), sentAt)
    })

  const send = (text: string, side?: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      const sentAt = clock.currentTimeMillisUnsafe()
      const deliveries: Array<Effect.Effect<unknown>> = []
      for (const subscription of subscriptions) {
        if (side !== undefined && subscription.channel.side !== side) continue
        if (draw(million) < faults.lost) continue
        for (let copies = draw(million) < faults.doubled ? 2 : 1; copies > 0; copies--) {
          // A delay of at least 1 ms lets the test clock wake the listener and wait for it. The nested draws make long delays rare.
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
    const register = Effect.sync(() => registers[channel.side] ?? begin())
    const channel: Channel = {
      isDeaf: false,
      isMute: false,
      side: draw(registers.length),
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
            return hasFailed ? Effect.fail(new InvalidationError({ operation: "publish", cause: "failed" })) : send(text, channel.side)
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
            Effect.flatMap(register, (register) => register.register(node, lease)),
          ),
        unregister: (node) =>
          unlessMute(
            "unregister",
            Effect.flatMap(register, (register) => register.unregister(node)),
          ),
        nodes: unlessMute(
          "list the nodes",
          Effect.flatMap(register, ({ nodes }) => nodes),
        ),
        registerAge: unlessMute(
          "read the register's age",
          Effect.flatMap(register, ({ age }) => age),
        ),
      },
    }
    channels.add(channel)
    return channel
  }

  const loseRegister = Effect.sync(() => {
    registers[0] = begin()
  })
  const split = Effect.sync(() => {
    const [first = begin()] = registers
    registers = [first, first.copy()]
    for (const channel of channels) channel.side = draw(2)
  })
  const heal = Effect.suspend(() => {
    const [first = begin()] = registers
    registers = [first]
    const moved = Array.from(channels).filter(({ side }) => side === 1)
    for (const channel of moved) channel.side = 0
    return Effect.forEach(moved, ({ cut }) => cut, { discard: true })
  })

  return { connect, announce: (message) => send(message), loseRegister, split, heal }
})

const million = 1_000_000
