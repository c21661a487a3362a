/** A queue for messages whose senders can't wait. No listener misses a message unnoticed. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { InvalidationError } from "../../ApiKeyInvalidation.ts"
import { everything } from "./message.ts"

/** The number of messages that may wait for a listener. */
const capacity = 10_000

export type MessageQueue = Queue.Queue<string, InvalidationError>

/** An empty queue, shut down with the scope. */
export const make: Effect.Effect<MessageQueue, never, Scope.Scope> = Effect.acquireRelease(
  Queue.dropping<string, InvalidationError>(capacity),
  Queue.shutdown,
)

/**
 * Adds a message. Without room, the message `everything` takes the place of all waiting messages. Questions are asked again by their senders,
 * and more heartbeats follow.
 */
export const offerUnsafe = (queue: MessageQueue, message: string): void => {
  if (Queue.offerUnsafe(queue, message) || queue.state._tag !== "Open") return
  while (Queue.takeUnsafe(queue) !== undefined);
  Queue.offerUnsafe(queue, everything)
}
