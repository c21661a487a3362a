import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { ApiKeyRepository, type Bulk, layerMemory, type LookUps, type Queries, type Records, type Upkeep } from "../src/ApiKeyRepository.ts"
import {
  bulkContract,
  lookUpsContract,
  makeStoredApiKey,
  queriesContract,
  recordsContract,
  repositoryContract,
  supportsContract,
  upkeepContract,
} from "../src/testing.ts"

repositoryContract("memory", Layer.fresh(layerMemory))

const memory = Effect.map(Layer.build(Layer.fresh(layerMemory)), Context.get(ApiKeyRepository))

// A facet's suite takes a store that has the facet, and as little of the others as the types say.
const only = <Name extends string>(...names: ReadonlyArray<Name>) => ({
  of: <Store extends Readonly<Record<Name, unknown>>>(store: Store): Pick<Store, Name> =>
    // Each name is picked.
    Object.fromEntries(names.map((name) => [name, store[name]])) as Pick<Store, Name>,
})
const lookUps: ReadonlyArray<keyof LookUps> = ["findById", "findByKeyId"]
const records: ReadonlyArray<keyof Records> = ["insert", "update", "rotate", "endPrevious", "delete"]
const queries: ReadonlyArray<keyof Queries> = ["search", "count", "stream"]
const bulk: ReadonlyArray<keyof Bulk> = ["insertMany", "findTaken", "streamStored"]
const upkeep: ReadonlyArray<keyof Upkeep> = ["touch", "replaceHash", "countSchemes", "countSeals"]

lookUpsContract("memory, by itself", Effect.map(memory, only(...lookUps, "insert", "delete").of))
recordsContract("memory, by itself", Effect.map(memory, only(...records, ...lookUps).of))
queriesContract("memory, by itself", Effect.map(memory, only(...queries, "insert", "rotate", "delete").of))
bulkContract("memory, by itself", Effect.map(memory, only(...bulk, "insert", "rotate", "delete", "findById").of))
upkeepContract("memory, by itself", Effect.map(memory, only(...upkeep, "insert", "rotate", "update", "findById").of))
supportsContract(
  "memory, by itself",
  Effect.map(memory, ({ reports, ownerBounds }) => ({
    ...(reports !== undefined && { reports }),
    ...(ownerBounds !== undefined && { ownerBounds }),
  })),
)

it.effect("a fresh memory is empty", () =>
  Effect.gen(function* () {
    const count = ApiKeyRepository.use((repository) => repository.count({}))
    const insertAndCount = Effect.andThen(
      ApiKeyRepository.use((repository) => repository.insert(makeStoredApiKey())),
      count,
    )
    assert.strictEqual(yield* Effect.provide(insertAndCount, Layer.fresh(layerMemory)), 1)
    assert.strictEqual(yield* Effect.provide(count, Layer.fresh(layerMemory)), 0)
  }),
)
