import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { Balances } from "./internal/meters/contract.ts"
export type { Adjusted, Adjustment, Balances, LeaseAnswer, LeaseRequest, QuotaRule, RateRule } from "./internal/meters/contract.ts"
export { MetersError } from "./internal/meters/contract.ts"
declare const Meters_base: Context.ServiceClass<Meters, "effect-api-key/Meters", Balances>
export declare class Meters extends Meters_base {}
export declare const layerMemory: Layer.Layer<Meters>
