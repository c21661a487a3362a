import * as Pg from "@effect/sql-pg/PgClient"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { ApiKeyInvalidation } from "../ApiKeyInvalidation.ts"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { SqlError } from "effect/sql/SqlError"
import * as Schema from "effect/Schema"
interface Notification {
  readonly channel: string
  readonly payload: string
}
declare const PgliteClient_base: Context.ServiceClass<
  PgliteClient,
  "effect-api-key/sql/PgliteClient",
  {
    readonly isDurable: boolean
    readonly listen: (channel: string) => Effect.Effect<Queue.Dequeue<Notification, SqlError>, SqlError, Scope.Scope>
  }
>
declare class PgliteClient extends PgliteClient_base {}
interface TableOptions {
  readonly table?: string | undefined
  readonly schema?: string | undefined
}
declare const InvalidIdentifier_base: Schema.Class<
  InvalidIdentifier,
  Schema.TaggedStruct<
    "InvalidIdentifier",
    {
      readonly identifier: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class InvalidIdentifier extends InvalidIdentifier_base {
  get message(): string
}
export declare const layerPostgres: (options?: TableOptions) => Layer.Layer<ApiKeyInvalidation, InvalidIdentifier, Pg.PgClient>
export declare const layerPglite: (options?: TableOptions) => Layer.Layer<ApiKeyInvalidation, InvalidIdentifier, PgliteClient | SqlClient>
export type { TableOptions }
