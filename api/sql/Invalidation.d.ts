import type * as Pg from "@effect/sql-pg/PgClient"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { ApiKeyInvalidation } from "../ApiKeyInvalidation.ts"
import { PgliteClient } from "../internal/sql/PgliteClient.ts"
import { type InvalidIdentifier, type TableOptions } from "../internal/sql/table.ts"
export { InvalidIdentifier, type TableOptions } from "../internal/sql/table.ts"
export declare const layerPostgres: (options?: TableOptions) => Layer.Layer<ApiKeyInvalidation, InvalidIdentifier, Pg.PgClient>
export declare const layerPglite: (options?: TableOptions) => Layer.Layer<ApiKeyInvalidation, InvalidIdentifier, PgliteClient | SqlClient>

// internal/sql/PgliteClient.d.ts
export interface Notification {
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

export declare class PgliteClient extends PgliteClient_base {}

// internal/sql/table.d.ts
export interface TableOptions {
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
