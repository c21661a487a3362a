/** The service is apart from `Pglite.ts`, so that a module that only asks for the service loads without PGlite. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { SqlError } from "effect/sql/SqlError"

/** A message that came over a channel. @category models @since 0.1.0 */
export interface Notification {
  readonly channel: string
  readonly payload: string
}

/**
 * The part of PGlite that goes beyond an `SqlClient`.
 * @category services
 * @since 0.1.0
 */
export class PgliteClient extends Context.Service<
  PgliteClient,
  {
    /** Whether the database is in a folder, and so outlives the program. */
    readonly isDurable: boolean
    /**
     * Hears `NOTIFY` on the channel until the scope closes. Must not be called in a transaction, which it would wait for. As with `PgClient`,
     * the queue holds all messages that the listener hasn't taken, without a bound.
     */
    readonly listen: (channel: string) => Effect.Effect<Queue.Dequeue<Notification, SqlError>, SqlError, Scope.Scope>
  }
>()("effect-api-key/sql/PgliteClient") {}
