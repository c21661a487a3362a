/** What tests of one node and of two share. */
import { Effect, Layer, Queue, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { ApiKeyInvalidation, type InvalidationError } from "../../src/ApiKeyInvalidation.ts"
import type * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"

/** How many nodes, and with which options. */
export const settings: ReadonlyArray<readonly [name: string, count: number, ApiKeys.Options]> = [
  ["one node", 1, {}],
  ["one node without a cache", 1, { cache: "off" }],
  ["two nodes", 2, {}],
  ["two nodes without a cache", 2, { cache: "off" }],
]

/** A channel that delivers everything to everybody, but for what `isLost`. */
export const makeHub = (isLost: (message: string) => boolean = () => false) => {
  const listeners = new Set<Queue.Queue<string, InvalidationError>>()
  const live = new Set<string>()
  return Layer.succeed(ApiKeyInvalidation, {
    announcesWrites: false,
    publish: (message) =>
      Effect.sync(() => {
        if (isLost(message)) return
        for (const queue of listeners) Queue.offerUnsafe(queue, message)
      }),
    subscribe: Effect.acquireRelease(
      Effect.tap(Queue.unbounded<string, InvalidationError>(), (queue) => Effect.sync(() => listeners.add(queue))),
      (queue) => Effect.sync(() => listeners.delete(queue)),
    ),
    register: (node) => Effect.sync(() => void live.add(node)),
    unregister: (node) => Effect.sync(() => void live.delete(node)),
    nodes: Effect.sync(() => Array.from(live)),
  })
}

/** Lets go on whatever can, without time passing: fibers take turns, and one that has run for long lets others go first. */
export const settled = Effect.repeat(Effect.yieldNow, { times: 30 })
/** Gives the nodes time to take what was published. */
export const delivered = Effect.andThen(TestClock.adjust("1 millis"), settled)

/** A well-formed token for the same key id whose secret is wrong. */
export const wrongSecret = (token: Redacted.Redacted): Redacted.Redacted => {
  const text = Redacted.value(token)
  const body = text.slice(0, -7) + (text.at(-7) === "A" ? "B" : "A")
  return Redacted.make(body + ApiKeyToken.checksum(body))
}

/** `good`, or how it failed. */
export const tagOf = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<string, never, R> =>
  Effect.match(effect, { onSuccess: () => "good", onFailure: ({ _tag }) => _tag })
