/**
 * For tests: a contract for every `ApiKeyRepository`, records to begin with, and arbitraries. Needs `vitest` and `@effect/vitest`.
 * @since 0.1.0
 */
export * as arbitraries from "./internal/testing/arbitraries.ts"
export { makeStoredApiKey } from "./internal/testing/fixtures.ts"
export { bulkContract, type BulkStore } from "./internal/testing/contract/bulk.ts"
export { lookUpsContract, type LookUpsStore } from "./internal/testing/contract/lookUps.ts"
export { queriesContract, type QueriesStore } from "./internal/testing/contract/queries.ts"
export { recordsContract, type RecordsStore } from "./internal/testing/contract/records.ts"
export type { FacetContract } from "./internal/testing/contract/suite.ts"
export { supportsContract } from "./internal/testing/contract/supports.ts"
export { upkeepContract, type UpkeepStore } from "./internal/testing/contract/upkeep.ts"
export { repositoryContract } from "./internal/testing/repositoryContract.ts"
export { metersSimulation, type MeterStatistics, simulateMeters } from "./internal/testing/meters.ts"
export {
  simulate,
  SimulationFailure,
  type SimulationOptions,
  type Statistics,
  verificationSimulation,
} from "./internal/testing/simulation.ts"
export { layerMemory, layerMemoryWith } from "./ApiKeys.ts"
export { layerEphemeral as layerHasher } from "./ApiKeyHasher.ts"
export { layerMemory as layerMeters } from "./Meters.ts"
export { layerMemory as layerRepository } from "./ApiKeyRepository.ts"
