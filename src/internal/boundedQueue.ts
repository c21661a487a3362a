/** Queues for listeners whose senders can't wait, and that mustn't lose a message unnoticed. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { NoInfer } from "effect/Types"

/** How many messages a listener may be behind. */
export const capacity = 10_000

/** An empty queue, shut down with the scope. */
export const make = <A, E>(): Effect.Effect<Queue.Queue<A, E>, never, Scope.Scope> =>
  Effect.acquireRelease(Queue.dropping<A, E>(capacity), Queue.shutdown)

/** Adds a message. A queue that is full fails instead, once the listener has read what is in it. */
export const offerUnsafe = <A, E>(queue: Queue.Queue<A, E>, message: NoInfer<A>, fellBehind: () => NoInfer<E>): void => {
  if (!Queue.offerUnsafe(queue, message)) Queue.failCauseUnsafe(queue, Cause.fail(fellBehind()))
}
