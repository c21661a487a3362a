/**
 * Events of changes of keys: the actor, the time, and the record before and after. No event carries a token, a secret or a hash.
 *
 * A program listens with {@link layer}, and names the actor of its changes with {@link CurrentActor}.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { ApiKey, ApiKeyId, DeactivationReason, Instant, KeyId } from "./ApiKey.ts"
import type { RepositoryError } from "./ApiKeyError.ts"

/**
 * The actor of a change:
 *
 * - `Application`: the program itself, or the user whom it names;
 * - `Key`: an API key that manages keys over HTTP, by the token with this key id;
 * - `CommandLine`: a person at the command line, by the system's user name;
 * - `LeakReport`: a report of leaked tokens, by the identifier of the key that signed it;
 * - `Holder`: the holder of the token that is ended;
 * - `Upkeep`: the service, which notes uses and makes hashes anew.
 * @category schemas
 * @since 0.1.0
 */
export const Actor = Schema.Union([
  Schema.TaggedStruct("Application", { name: Schema.optionalKey(Schema.String) }),
  Schema.TaggedStruct("Key", { id: ApiKeyId, keyId: KeyId }),
  Schema.TaggedStruct("CommandLine", { user: Schema.optionalKey(Schema.String) }),
  Schema.TaggedStruct("LeakReport", { reporter: Schema.optionalKey(Schema.String) }),
  Schema.TaggedStruct("Holder", {}),
  Schema.TaggedStruct("Upkeep", {}),
])
/** @since 0.1.0 */
export type Actor = typeof Actor.Type

/**
 * The actor of the changes that are made in this context. Default: the application.
 * @category references
 * @since 0.1.0
 * @example
 * ```ts
 * import { ApiKeyEvents, ApiKeys } from "effect-api-key"
 * import { Effect } from "effect"
 *
 * const createFor = (user: string) =>
 *   ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "robot" })).pipe(
 *     Effect.provideService(ApiKeyEvents.CurrentActor, { _tag: "Application", name: user }),
 *   )
 * ```
 */
export const CurrentActor: Context.Reference<Actor> = Context.Reference<Actor>("effect-api-key/ApiKeyEvents/CurrentActor", {
  defaultValue: () => ({ _tag: "Application" }),
})

/** The operation of the service that made a change; `use` and `rehash` are the service's own writes. @category schemas @since 0.1.0 */
export const Operation = Schema.Literals([
  "create",
  "update",
  "activate",
  "deactivate",
  "delete",
  "rotate",
  "endGrace",
  "revoke",
  "import",
  "use",
  "rehash",
])
/** @since 0.1.0 */
export type Operation = typeof Operation.Type

const ofChange = { at: Instant, actor: Actor, operation: Operation }

const ofRecord = {
  id: ApiKeyId,
  /** The key ids concerned: those of the record's tokens, and a key id that no longer leads to the record. */
  keyIds: Schema.Array(KeyId),
  ...ofChange,
}

/**
 * The record before the change. `null` if the record wasn't read. The record is read if a listener is in the transaction, and by `rotate`,
 * `delete` and `deactivate`.
 */
const before = Schema.NullOr(ApiKey)

/** @category events @since 0.1.0 */
export const KeyCreated = Schema.TaggedStruct("KeyCreated", { ...ofRecord, after: ApiKey })
/** @category events @since 0.1.0 */
export const KeyImported = Schema.TaggedStruct("KeyImported", { ...ofRecord, after: ApiKey })
/** `fields` were set, possibly to the values that they had. @category events @since 0.1.0 */
export const KeyUpdated = Schema.TaggedStruct("KeyUpdated", { ...ofRecord, fields: Schema.Array(Schema.String), before, after: ApiKey })
/** The key may have been active before. @category events @since 0.1.0 */
export const KeyActivated = Schema.TaggedStruct("KeyActivated", { ...ofRecord, before, after: ApiKey })
/** @category events @since 0.1.0 */
export const KeyDeactivated = Schema.TaggedStruct("KeyDeactivated", { ...ofRecord, reason: DeactivationReason, before, after: ApiKey })
/** The key has a new token, and the one so far is its previous one. @category events @since 0.1.0 */
export const KeyRotated = Schema.TaggedStruct("KeyRotated", { ...ofRecord, before, after: ApiKey })
/** The previous token was ended. @category events @since 0.1.0 */
export const GraceEnded = Schema.TaggedStruct("GraceEnded", { ...ofRecord, before, after: ApiKey })
/** The new token was used, which settles when the previous one ends. @category events @since 0.1.0 */
export const GraceSettled = Schema.TaggedStruct("GraceSettled", { ...ofRecord, after: ApiKey })
/** `before` is the record that was deleted. @category events @since 0.1.0 */
export const KeyDeleted = Schema.TaggedStruct("KeyDeleted", { ...ofRecord, before: ApiKey })
/** The hash of a token was made anew; `keyIds` has the token's. `from` and `to` are as `ApiKeyHasher.scheme` gives them. @category events @since 0.1.0 */
export const KeyRehashed = Schema.TaggedStruct("KeyRehashed", { ...ofRecord, from: Schema.String, to: Schema.String })
/**
 * The times of last use of the tokens used since the last such event, up to 10,000 at a time. A use is noted some seconds late, so `uses` may
 * name deleted keys and replaced tokens.
 * @category events
 * @since 0.1.0
 */
export const KeysUsed = Schema.TaggedStruct("KeysUsed", {
  ...ofChange,
  uses: Schema.Array(Schema.Struct({ id: ApiKeyId, keyId: KeyId, lastUsedAt: Instant })),
})

/**
 * A change of a key, or uses of many. An outbox keeps it by its JSON codec (`Schema.toCodecJson`).
 * @category schemas
 * @since 0.1.0
 */
export const ApiKeyEvent = Schema.Union([
  KeyCreated,
  KeyImported,
  KeyUpdated,
  KeyActivated,
  KeyDeactivated,
  KeyRotated,
  GraceEnded,
  GraceSettled,
  KeyDeleted,
  KeyRehashed,
  KeysUsed,
])
/** @since 0.1.0 */
export type ApiKeyEvent = typeof ApiKeyEvent.Type

/**
 * Hears of changes: each call brings the events of one change. An import, or a batch of uses, has many events. The listener runs with the
 * references of the change's caller, such as {@link CurrentActor}.
 * @category models
 * @since 0.1.0
 */
export interface Listener {
  /**
   * Runs in the transaction of the change, and undoes the change by failing, or by taking more than 10 seconds. In a store without transactions
   * the listener runs after the write. If the listener fails there, the call fails, but the write stands and `afterCommit` hears of the change.
   * An event may be heard again when the change is tried again.
   */
  readonly inTransaction?: ((events: ReadonlyArray<ApiKeyEvent>) => Effect.Effect<void, RepositoryError>) | undefined
  /**
   * Runs after the commit, for the changes of a node one after another, in the order of their answers. The change's caller waits for the
   * listener, and for earlier changes, for a second at most. After that the listener is interrupted, and a warning names the event and the key
   * id. Longer work belongs into a queue. An event is heard once at most: not where the answer to the commit was lost.
   */
  readonly afterCommit?: ((events: ReadonlyArray<ApiKeyEvent>) => Effect.Effect<void>) | undefined
}

/** The listeners of a layer, under their own key in the context, so merged layers keep the listeners of all. */
class Provided {
  readonly listeners: ReadonlyArray<Listener>
  isTaken = false
  constructor(listeners: ReadonlyArray<Listener>) {
    this.listeners = listeners
  }
}

let provided = 0

/**
 * The listeners that {@link layer} has provided in this context, for a service that makes changes to tell: `ApiKeys` takes them when it is built.
 * Layers further out come first, then those of one array, or merged, in its order.
 * @category accessors
 * @since 0.1.0
 * @example
 * ```ts
 * import { ApiKeyEvents } from "effect-api-key"
 * import { Effect, Layer } from "effect"
 *
 * const audit = ApiKeyEvents.layer(Effect.succeed({ inTransaction: () => Effect.void }))
 * const metrics = ApiKeyEvents.layer(Effect.succeed({ afterCommit: () => Effect.void }))
 *
 * const count = Effect.map(ApiKeyEvents.listeners, (listeners) => listeners.length)
 * Effect.runSync(Effect.provide(count, Layer.merge(audit, metrics))) // => 2
 * ```
 */
export const listeners: Effect.Effect<ReadonlyArray<Listener>> = Effect.contextWith((context: Context.Context<never>) =>
  Effect.sync(() =>
    Array.from(context.mapUnsafe.values()).flatMap((service: unknown) => {
      if (!(service instanceof Provided)) return []
      service.isTaken = true
      return service.listeners
    }),
  ),
)

/** The time that building a service may take, while waiting for a database for example. */
const longestBuild = "1 minute"

/**
 * Adds listeners to a service, by `Layer.provide`. All such layers of a service count, also several in an array or merged with each other.
 * Listeners further out hear first. Within an array or a layer, listeners hear in the given order.
 *
 * A layer beside `ApiKeys`, not provided to `ApiKeys`, hears of no change. After a minute, and when its scope closes, a warning says that no
 * service took its listeners.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { ApiKeyEvents, ApiKeys } from "effect-api-key"
 * import { Effect, Layer } from "effect"
 *
 * const log = ApiKeyEvents.layer(
 *   Effect.succeed({
 *     afterCommit: (events) => Effect.forEach(events, ({ _tag, actor }) => Effect.logInfo(_tag, actor), { discard: true }),
 *   }),
 * )
 *
 * const layer = ApiKeys.layerMemory.pipe(Layer.provide(log))
 * ```
 */
export const layer = <E = never, R = never>(
  ...listeners: ReadonlyArray<Effect.Effect<Listener, E, R>>
): Layer.Layer<never, E, Exclude<R, Scope.Scope>> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const key = Context.Reference<Provided | undefined>(`effect-api-key/ApiKeyEvents/Provided/${provided++}`, {
        defaultValue: () => undefined,
      })
      const taken = new Provided(yield* Effect.all(listeners))
      let isTold = false
      const warn = Effect.suspend(() => {
        if (taken.isTaken || isTold || listeners.length === 0) return Effect.void
        isTold = true
        return Effect.logWarning("No service tells the listeners of a layer of ApiKeyEvents of its changes: provide that layer to ApiKeys")
      })
      // A service that failed to start has reported the failure.
      yield* Effect.addFinalizer((exit) => (Exit.isSuccess(exit) ? warn : Effect.void))
      yield* Effect.forkScoped(Effect.delay(warn, longestBuild))
      return Context.make(key, taken)
    }),
  )
