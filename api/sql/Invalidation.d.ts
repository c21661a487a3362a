import type * as Pg from "@effect/sql-pg/PgClient"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { ApiKeyInvalidation } from "../ApiKeyInvalidation.ts"
import { PgliteClient } from "../internal/sql/PgliteClient.ts"
import { type InvalidIdentifier, type TableOptions } from "../internal/sql/table.ts"
export { InvalidIdentifier, type TableOptions } from "../internal/sql/table.ts"
export declare const layerPostgres: (options?: TableOptions) => Layer.Layer<ApiKeyInvalidation, InvalidIdentifier, Pg.PgClient>
export declare const layerPglite: (options?: TableOptions) => Layer.Layer<ApiKeyInvalidation, InvalidIdentifier, PgliteClient | SqlClient>
