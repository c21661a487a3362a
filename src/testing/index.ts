/**
 * For tests: a contract that any `ApiKeyRepository` can be run through, records to begin with, and arbitraries. Needs `vitest` and
 * `@effect/vitest`.
 * @since 0.1.0
 */
export * as arbitraries from "./arbitraries.ts"
export { makeStoredApiKey } from "./fixtures.ts"
export { repositoryContract } from "./repositoryContract.ts"
export { simulate, SimulationFailure, type SimulationOptions, type Statistics, verificationSimulation } from "./simulation.ts"
export { layerMemory, layerMemoryWith } from "../ApiKeys.ts"
export { layerEphemeral as layerHasher } from "../ApiKeyHasher.ts"
export { layerMemory as layerRepository } from "../ApiKeyRepository.ts"
