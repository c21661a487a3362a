/**
 * How nodes hear of each other's changes. Provide one of these layers along with `ApiKeys` wherever more than one node, or anything but
 * this program, writes the keys: `layerPostgres` or `layerPglite` of `effect-api-key/sql/Invalidation`, or `layerRedis` of
 * `effect-api-key/redis/Invalidation`. Without one, a node hears of its own changes only, and of others' when what it cached has expired.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

/** Changes of keys can't be told or heard: what connects the nodes, if there are several, is away. @category errors @since 0.1.0 */
export class InvalidationError extends Schema.TaggedError<InvalidationError>()("InvalidationError", {
  operation: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message(): string {
    return `Changes of keys can't be told or heard (${this.operation})`
  }
}

/**
 * The connection of the nodes: a channel that all of them hear, and a register of those that live. Messages are short lines of ASCII, up to
 * 600 characters. Messages may be doubled, delayed and reordered. A loss must end the subscription, or do no harm beyond the cache's time to live.
 * @category services
 * @since 0.1.0
 */
export class ApiKeyInvalidation extends Context.Service<
  ApiKeyInvalidation,
  {
    /** Whether a write to the table tells the nodes by itself, as a trigger does. Otherwise the service publishes what it has changed. */
    readonly announcesWrites: boolean
    /** Sends a message to every node that listens, this one included. */
    readonly publish: (message: string) => Effect.Effect<void, InvalidationError>
    /**
     * Listens until the scope closes, which must not wait for whoever doesn't answer. What is published after this returns arrives in the
     * queue; the queue fails when a message may have been missed. Those that a listener has no room for may be replaced by one `everything`.
     */
    readonly subscribe: Effect.Effect<Queue.Dequeue<string, InvalidationError>, InvalidationError, Scope.Scope>
    /** Counts a node as live for that long, by a clock that all nodes share. */
    readonly register: (node: string, lease: Duration.Duration) => Effect.Effect<void, InvalidationError>
    readonly unregister: (node: string) => Effect.Effect<void, InvalidationError>
    /** The nodes that are live now. */
    readonly nodes: Effect.Effect<ReadonlyArray<string>, InvalidationError>
    /**
     * How long ago the register began, of one that may be lost: nodes that were in the one before may be missing in it, and don't know.
     * Left out where it is kept as safely as the keys.
     */
    readonly registerAge?: Effect.Effect<Duration.Duration, InvalidationError>
    /** What is wrong, most likely, and what to do about it, where messages are sent and none is heard although nothing fails. For people. */
    readonly advice?: string
  }
>()("effect-api-key/ApiKeyInvalidation") {}
