import { layer as describeWith } from "@effect/vitest"
import type * as Layer from "effect/Layer"
import { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import { bulkTests } from "./contract/bulk.ts"
import { lookUpsTests } from "./contract/lookUps.ts"
import { queriesTests } from "./contract/queries.ts"
import { recordsTests } from "./contract/records.ts"
import { supportsTests } from "./contract/supports.ts"
import { upkeepTests } from "./contract/upkeep.ts"

/**
 * Tests the promises of `ApiKeyRepository` on one store, facet by facet. The store may hold other keys: each test looks only at keys of
 * its own.
 * @category tests
 * @since 0.1.0
 * @example
 * ```ts
 * import { ApiKeyRepository } from "effect-api-key"
 * import { repositoryContract } from "effect-api-key/testing"
 *
 * repositoryContract("my store", ApiKeyRepository.layerMemory)
 * ```
 */
export const repositoryContract = <E>(name: string, layer: Layer.Layer<ApiKeyRepository, E>): void => {
  describeWith(layer)(`ApiKeyRepository on ${name}`, (it) => {
    lookUpsTests(it, ApiKeyRepository)
    recordsTests(it, ApiKeyRepository)
    queriesTests(it, ApiKeyRepository)
    bulkTests(it, ApiKeyRepository)
    upkeepTests(it, ApiKeyRepository)
    supportsTests(it, ApiKeyRepository)
  })
}
