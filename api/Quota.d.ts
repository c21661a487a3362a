import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
export declare const maxUnits = 1000000000000000
export declare const kind = "quotas"
export declare const maxQuotas = 16
export declare const QuotaName: Schema.Codec<string>
export declare const TimeZone: Schema.Codec<string>
export declare const Refill: Schema.Struct<{
  readonly every: Schema.Literals<readonly ["hour", "day", "week", "month"]>
  readonly timeZone: Schema.optionalKey<Schema.Codec<string, string, never, never>>
  readonly mode: Schema.optionalKey<Schema.Literals<readonly ["fill", "add"]>>
  readonly ceiling: Schema.optionalKey<Schema.Int>
}>
export type Refill = typeof Refill.Type
export declare const Quota: Schema.Struct<{
  readonly name: Schema.Codec<string, string, never, never>
  readonly amount: Schema.Int
  readonly refill: Schema.optionalKey<
    Schema.Struct<{
      readonly every: Schema.Literals<readonly ["hour", "day", "week", "month"]>
      readonly timeZone: Schema.optionalKey<Schema.Codec<string, string, never, never>>
      readonly mode: Schema.optionalKey<Schema.Literals<readonly ["fill", "add"]>>
      readonly ceiling: Schema.optionalKey<Schema.Int>
    }>
  >
  readonly per: Schema.optionalKey<Schema.Literals<readonly ["key", "owner"]>>
  readonly whenUnavailable: Schema.optionalKey<Schema.Literals<readonly ["open", "closed", "local"]>>
}>
export type Quota = typeof Quota.Type
export declare const Quotas: Schema.$Array<
  Schema.Struct<{
    readonly name: Schema.Codec<string, string, never, never>
    readonly amount: Schema.Int
    readonly refill: Schema.optionalKey<
      Schema.Struct<{
        readonly every: Schema.Literals<readonly ["hour", "day", "week", "month"]>
        readonly timeZone: Schema.optionalKey<Schema.Codec<string, string, never, never>>
        readonly mode: Schema.optionalKey<Schema.Literals<readonly ["fill", "add"]>>
        readonly ceiling: Schema.optionalKey<Schema.Int>
      }>
    >
    readonly per: Schema.optionalKey<Schema.Literals<readonly ["key", "owner"]>>
    readonly whenUnavailable: Schema.optionalKey<Schema.Literals<readonly ["open", "closed", "local"]>>
  }>
>
export type Quotas = typeof Quotas.Type
export declare const QuotaChange: Schema.Struct<{
  readonly quota: Schema.Codec<string, string, never, never>
  readonly change: Schema.Literals<readonly ["topUp", "takeBack", "refund"]>
  readonly units: Schema.Int
  readonly requestId: Schema.String
}>
export type QuotaChange = typeof QuotaChange.Type
export declare const QuotaChanged: Schema.Struct<{
  readonly units: Schema.Int
  readonly remaining: Schema.Int
  readonly isRepeated: Schema.Boolean
}>
export type QuotaChanged = typeof QuotaChanged.Type
export declare const parse: (text: string) => Result.Result<Quotas, string>
export declare const format: (quotas: Quotas) => string
