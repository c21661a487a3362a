/**
 * The channel on which nodes hear of each other's changes. Provide a layer along with `ApiKeys` if several nodes, or other programs, write the
 * keys: `layerPostgres` or `layerPglite` of `effect-api-key/sql/Invalidation`, or `layerRedis` of `effect-api-key/redis/Invalidation`. Without a
 * layer, a node hears of its own changes only. Other nodes' changes take effect when the cached entries expire.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

/** Changes of keys can't be told or heard, as the channel between the nodes is away. @category errors @since 0.1.0 */
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
    /** Sends a message to every node that listens, the sender included. */
    readonly publish: (message: string) => Effect.Effect<void, InvalidationError>
    /**
     * Listens until the scope closes; the closing must not wait for a server that doesn't answer. Messages published after `subscribe` returns
     * arrive in the queue. The queue fails when a message may have been missed. Messages without room in the queue may be replaced by a single
     * `everything`.
     */
    readonly subscribe: Effect.Effect<Queue.Dequeue<string, InvalidationError>, InvalidationError, Scope.Scope>
    /** Counts a node as live for that long, by a clock that all nodes share. */
    readonly register: (node: string, lease: Duration.Duration) => Effect.Effect<void, InvalidationError>
    readonly unregister: (node: string) => Effect.Effect<void, InvalidationError>
    /** The nodes that are live now. */
    readonly nodes: Effect.Effect<ReadonlyArray<string>, InvalidationError>
    /**
     * The age of a register that may be lost. Nodes of a lost register may be missing in the new one, without knowing that. Left out if the
     * register is kept as safely as the keys.
     */
    readonly registerAge?: Effect.Effect<Duration.Duration, InvalidationError>
    /** The likely fault and its remedy, for people, if messages are sent and none is heard although no call fails. */
    readonly advice?: string
  }
>()("effect-api-key/ApiKeyInvalidation") {}
