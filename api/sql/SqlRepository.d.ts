import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { ApiKeyRepository } from "../ApiKeyRepository.ts"
import { type InvalidIdentifier, type TableOptions } from "../internal/sql/table.ts"
import { type MissingMigrations } from "../internal/sql/unmigrated.ts"
export { StoreFailure } from "../internal/sql/failures.ts"
export { InvalidIdentifier, type TableOptions } from "../internal/sql/table.ts"
export { MissingMigrations } from "../internal/sql/unmigrated.ts"
export declare const layerWith: (options: TableOptions) => Layer.Layer<ApiKeyRepository, InvalidIdentifier | MissingMigrations, SqlClient>
export declare const layer: Layer.Layer<ApiKeyRepository, MissingMigrations, SqlClient>
