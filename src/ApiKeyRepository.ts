/**
 * Keeps API keys. {@link layerMemory} is for tests and first steps. `effect-api-key/sql/SqlRepository` is for PostgreSQL and PGlite. The contract
 * in `effect-api-key/testing` tests a repository of your own, facet by facet.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { Repository } from "./internal/record/contract.ts"
import * as memoryRepository from "./internal/record/memoryRepository.ts"

export type {
  Bulk,
  Changes,
  EndedPrevious,
  Filter,
  KindSupport,
  LookUps,
  NextToken,
  NodeRegister,
  OwnerBoundSupport,
  Page,
  PepperNote,
  PepperSupport,
  Queries,
  Records,
  ReportSupport,
  SchemeCount,
  SealCount,
  Search,
  Sort,
  StoreSort,
  Supports,
  Taken,
  TokenKinds,
  TransactionSupport,
  Upkeep,
  Use,
} from "./internal/record/contract.ts"
export { defaultSort } from "./internal/record/contract.ts"

/**
 * The store of keys, in facets: {@link LookUps}, {@link Records}, {@link Queries}, {@link Bulk} and {@link Upkeep}. {@link Supports} has the
 * parts that only some stores have.
 *
 * ```ts
 * import { Layer } from "effect"
 * import { ApiKeyRepository } from "effect-api-key"
 *
 * // Each facet is written by itself, and tested by a contract of its own.
 * declare const lookUps: ApiKeyRepository.LookUps
 * declare const records: ApiKeyRepository.Records
 * declare const queries: ApiKeyRepository.Queries
 * declare const bulk: ApiKeyRepository.Bulk
 * declare const upkeep: ApiKeyRepository.Upkeep
 *
 * const layer = Layer.succeed(ApiKeyRepository.ApiKeyRepository, { ...lookUps, ...records, ...queries, ...bulk, ...upkeep })
 * ```
 * @category services
 * @since 0.1.0
 */
export class ApiKeyRepository extends Context.Service<ApiKeyRepository, Repository>()("effect-api-key/ApiKeyRepository") {}

/**
 * Keeps keys in memory, as long as the layer lives: for tests and first steps.
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<ApiKeyRepository> = Layer.sync(ApiKeyRepository, () => memoryRepository.make())
