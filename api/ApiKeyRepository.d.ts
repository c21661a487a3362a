import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { Repository } from "./internal/record/contract.ts"
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
declare const ApiKeyRepository_base: Context.ServiceClass<ApiKeyRepository, "effect-api-key/ApiKeyRepository", Repository>
export declare class ApiKeyRepository extends ApiKeyRepository_base {}
export declare const layerMemory: Layer.Layer<ApiKeyRepository>
