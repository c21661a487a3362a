import * as Arbitrary from "effect/Arbitrary"
import * as DateTime from "effect/DateTime"
import { ApiKey, ApiKeyId, KeyId, PreviousToken, StoredApiKey } from "./ApiKey.ts"
import { Scope } from "./Scope.ts"
import * as Effect from "effect/Effect"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { ApiKeyNotFound, DuplicateKeyId, InvalidCursor, RepositoryError, VersionConflict } from "./ApiKeyError.ts"
import * as Schema from "effect/Schema"
import { Scope as Scope$1 } from "effect/Scope"
import * as Layer from "effect/Layer"
import { ApiKeyRepository, layerMemory as layerRepository } from "./ApiKeyRepository.ts"
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
interface Filter {
  readonly ownerId?: string | undefined
  readonly isActive?: boolean | undefined
  readonly scopes?: ReadonlyArray<string> | undefined
  readonly name?: string | undefined
  readonly keyId?: KeyId | undefined
  readonly startsWith?: string | undefined
  readonly createdAfter?: DateTime.Utc | undefined
  readonly createdBefore?: DateTime.Utc | undefined
  readonly expiresAfter?: DateTime.Utc | undefined
  readonly expiresBefore?: DateTime.Utc | undefined
  readonly lastUsedAfter?: DateTime.Utc | undefined
  readonly lastUsedBefore?: DateTime.Utc | undefined
  readonly tokenCreatedAfter?: DateTime.Utc | undefined
  readonly tokenCreatedBefore?: DateTime.Utc | undefined
  readonly neverUsed?: boolean | undefined
  readonly expired?:
    | {
        readonly is: boolean
        readonly at: DateTime.Utc
      }
    | undefined
}
interface Sort {
  readonly by: "createdAt" | "name" | "lastUsedAt" | "expiresAt" | "tokenCreatedAt"
  readonly order: "asc" | "desc"
}
interface Search {
  readonly filter: Filter
  readonly sort: Sort
  readonly limit: number
  readonly page:
    | {
        readonly _tag: "Offset"
        readonly offset: number
      }
    | {
        readonly _tag: "Cursor"
        readonly cursor: string
      }
}
interface Page {
  readonly items: ReadonlyArray<ApiKey>
  readonly total: number | null
  readonly nextCursor: string | null
}
type Changes = {
  readonly [
    Field in "name" | "description" | "ownerId" | "scopes" | "metadata" | "isActive" | "deactivatedAt" | "deactivationReason" | "expiresAt"
  ]?: ApiKey[Field] | undefined
}
interface TransactionSupport {
  readonly isOpen: (context: Context.Context<never>) => boolean
  readonly afterCommit: (effect: Effect.Effect<void>) => Effect.Effect<void>
  readonly isChanging?: (id: ApiKeyId) => Effect.Effect<boolean, RepositoryError>
}
interface ReportSupport {
  readonly isKnown: (report: string) => Effect.Effect<boolean, RepositoryError>
  readonly remember: (report: string, at: DateTime.Utc) => Effect.Effect<void, RepositoryError>
}
interface PepperNote {
  readonly start: string
  readonly check: string
  readonly isAssumed: boolean
}
interface PepperSupport {
  readonly read: Effect.Effect<ReadonlyArray<PepperNote>, RepositoryError>
  readonly note: (note: PepperNote, at: DateTime.Utc) => Effect.Effect<void, RepositoryError>
}
interface NodeRegister {
  readonly register: (node: string, lease: Duration.Duration) => Effect.Effect<void, RepositoryError>
  readonly unregister: (node: string) => Effect.Effect<void, RepositoryError>
  readonly nodes: Effect.Effect<ReadonlyArray<string>, RepositoryError>
}
interface Use {
  readonly id: ApiKeyId
  readonly keyId: KeyId
  readonly lastUsedAt: DateTime.Utc
}
interface Taken {
  readonly id: ApiKeyId
  readonly keyIds: ReadonlyArray<KeyId>
  readonly rotatedAt: DateTime.Utc | null
  readonly hash: Redacted.Redacted
}
interface SchemeCount {
  readonly scheme: string
  readonly previousScheme: string | null
  readonly count: number
}
interface NextToken {
  readonly keyId: KeyId
  readonly prefix: string
  readonly hint: string
  readonly hash: Redacted.Redacted
  readonly previous: Pick<PreviousToken, "expiresAt" | "graceSeconds">
}
interface LookUps {
  readonly findById: (id: ApiKeyId) => Effect.Effect<Option.Option<StoredApiKey>, RepositoryError>
  readonly findByKeyId: (keyId: KeyId) => Effect.Effect<Option.Option<StoredApiKey>, RepositoryError>
}
interface Records {
  readonly insert: (key: StoredApiKey) => Effect.Effect<void, DuplicateKeyId | RepositoryError>
  readonly update: (
    id: ApiKeyId,
    changes: Changes,
    options: {
      readonly at: DateTime.Utc
      readonly ifVersion?: number | undefined
    },
  ) => Effect.Effect<ApiKey, ApiKeyNotFound | VersionConflict | RepositoryError>
  readonly rotate: (
    id: ApiKeyId,
    token: NextToken,
    options: {
      readonly at: DateTime.Utc
      readonly ifVersion: number
    },
  ) => Effect.Effect<ApiKey, ApiKeyNotFound | VersionConflict | DuplicateKeyId | RepositoryError>
  readonly endPrevious: (
    id: ApiKeyId,
    options: {
      readonly at: DateTime.Utc
      readonly keyId?: KeyId | undefined
      readonly ifVersion?: number | undefined
    },
  ) => Effect.Effect<ApiKey, ApiKeyNotFound | VersionConflict | RepositoryError>
  readonly delete: (
    id: ApiKeyId,
    options?: {
      readonly ifVersion?: number | undefined
    },
  ) => Effect.Effect<ApiKey, ApiKeyNotFound | VersionConflict | RepositoryError>
}
interface Queries {
  readonly search: (search: Search) => Effect.Effect<Page, InvalidCursor | RepositoryError>
  readonly count: (filter: Filter) => Effect.Effect<number, RepositoryError>
  readonly stream: (filter: Filter, sort?: Sort) => Stream.Stream<ApiKey, RepositoryError>
}
interface Bulk {
  readonly insertMany: (keys: ReadonlyArray<StoredApiKey>) => Effect.Effect<ReadonlyArray<boolean>, RepositoryError>
  readonly findTaken: (keys: ReadonlyArray<StoredApiKey>) => Effect.Effect<ReadonlyArray<Taken>, RepositoryError>
  readonly streamStored: (filter: Filter) => Stream.Stream<StoredApiKey, RepositoryError>
}
interface Upkeep {
  readonly touch: (uses: ReadonlyArray<Use>) => Effect.Effect<ReadonlyArray<ApiKey>, RepositoryError>
  readonly replaceHash: (id: ApiKeyId, from: Redacted.Redacted, to: Redacted.Redacted) => Effect.Effect<boolean, RepositoryError>
  readonly countSchemes: (at: DateTime.Utc) => Effect.Effect<ReadonlyArray<SchemeCount>, RepositoryError>
}
interface Supports {
  readonly transaction?: TransactionSupport
  readonly reports?: ReportSupport
  readonly peppers?: PepperSupport
  readonly nodeRegister?: NodeRegister
}
type FacetContract<Store> = <E>(name: string, store: Effect.Effect<Store, E, Scope$1>) => void
interface BulkStore extends Bulk, Pick<Records, "insert" | "rotate" | "delete">, Pick<LookUps, "findById"> {}
export declare const bulkContract: FacetContract<BulkStore>
interface LookUpsStore extends LookUps, Pick<Records, "insert" | "delete"> {}
export declare const lookUpsContract: FacetContract<LookUpsStore>
interface QueriesStore extends Queries, Pick<Records, "insert" | "rotate" | "delete"> {}
export declare const queriesContract: FacetContract<QueriesStore>
interface RecordsStore extends Records, LookUps {}
export declare const recordsContract: FacetContract<RecordsStore>
export declare const supportsContract: FacetContract<Supports>
interface UpkeepStore extends Upkeep, Pick<Records, "insert" | "rotate" | "update">, Pick<LookUps, "findById"> {}
export declare const upkeepContract: FacetContract<UpkeepStore>
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
  import("effect/Cause").YieldableError
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
  interrupted: number
  rotations: number
  settled: number
  endedGraces: number
  revoked: number
  grantedPrevious: number
  expiredPrevious: number
  forgotten: number
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
  type BulkStore,
  type FacetContract,
  type LookUpsStore,
  type QueriesStore,
  type RecordsStore,
  type SimulationOptions,
  type Statistics,
  type UpkeepStore,
  arbitraries_d_exports as arbitraries,
  layerHasher,
  layerMemory,
  layerMemoryWith,
  layerRepository,
}
