import * as Arbitrary from "effect/Arbitrary"
import * as DateTime from "effect/DateTime"
import { ApiKey, ApiKeyId, KeyId, StoredApiKey } from "./ApiKey.ts"
import { Scope } from "./Scope.ts"
import * as Layer from "effect/Layer"
import { ApiKeyRepository, layerMemory as layerRepository } from "./ApiKeyRepository.ts"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { layerMemory, layerMemoryWith } from "./ApiKeys.ts"
import { layerEphemeral as layerHasher } from "./ApiKeyHasher.ts"
declare namespace arbitraries_d_exports {
  export { apiKeyId, instant, keyId, scopes, storedApiKey }
}
declare const apiKeyId: Arbitrary.Arbitrary<ApiKeyId>
declare const keyId: Arbitrary.Arbitrary<KeyId>
declare const scopes: Arbitrary.Arbitrary<ReadonlyArray<Scope>>
declare const instant: Arbitrary.Arbitrary<DateTime.Utc>
declare const storedApiKey: Arbitrary.Arbitrary<StoredApiKey>
export declare const makeStoredApiKey: (
  overrides?: Partial<ApiKey> & {
    readonly hash?: string
    readonly previousHash?: string
  },
) => StoredApiKey
export declare const repositoryContract: <E>(name: string, layer: Layer.Layer<ApiKeyRepository, E>) => void
declare const SimulationFailure_base: Schema.Class<
  SimulationFailure,
  Schema.TaggedStruct<
    "SimulationFailure",
    {
      readonly seed: Schema.Int
      readonly steps: Schema.Int
      readonly step: Schema.Int
      readonly reason: Schema.String
      readonly history: Schema.$Array<Schema.String>
    }
  >,
  Cause.YieldableError
>
export declare class SimulationFailure extends SimulationFailure_base {
  get message(): string
}
interface Statistics {
  steps: number
  granted: number
  refused: number
  outdated: number
  outOfTouch: number
  changes: number
  confirmed: number
  unconfirmed: number
  restarts: number
  lostAnswers: number
  lateWrites: number
  lostRegisters: number
  splits: number
  failed: number
}
interface SimulationOptions {
  readonly seed?: number | undefined
  readonly steps?: number | undefined
}
export declare const verificationSimulation: <E>(name: string, layer: Layer.Layer<ApiKeyRepository, E>, options?: SimulationOptions) => void
export declare const simulate: ({
  seed,
  steps,
}: {
  readonly seed: number
  readonly steps: number
}) => Effect.Effect<Statistics, SimulationFailure, ApiKeyRepository>
export {
  type SimulationOptions,
  type Statistics,
  arbitraries_d_exports as arbitraries,
  layerHasher,
  layerMemory,
  layerMemoryWith,
  layerRepository,
}
