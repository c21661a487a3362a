import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { ApiKeySeals } from "../ApiKeySeals.ts"
export interface SealKey {
  readonly id: string
  readonly value: Redacted.Redacted
}
export interface SealRing {
  readonly current: SealKey
  readonly older: ReadonlyArray<SealKey>
}
declare const InvalidSeals_base: Schema.Class<
  InvalidSeals,
  Schema.TaggedStruct<
    "InvalidSeals",
    {
      readonly reason: Schema.Literals<
        readonly ["Malformed", "InvalidId", "DuplicateId", "DuplicateValue", "TooShort", "Empty", "TwoSources"]
      >
      readonly position: Schema.optionalKey<Schema.Int>
      readonly actualBytes: Schema.optionalKey<Schema.Int>
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class InvalidSeals extends InvalidSeals_base {
  get message(): string
}
declare const SealsUnavailable_base: Schema.Class<
  SealsUnavailable,
  Schema.TaggedStruct<
    "SealsUnavailable",
    {
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class SealsUnavailable extends SealsUnavailable_base {
  get message(): string
}
export declare const checkRing: (ring: SealRing) => Effect.Effect<SealRing, InvalidSeals, never>
export declare const loadConfig: Effect.Effect<SealRing | undefined, InvalidSeals | SealsUnavailable | Config.ConfigError>
export declare const layerRing: (ring: SealRing) => Layer.Layer<ApiKeySeals, InvalidSeals>
export declare const layerConfig: Layer.Layer<ApiKeySeals, InvalidSeals | SealsUnavailable | Config.ConfigError>
export declare const layerReloading: <E, R>(options: {
  readonly load: Effect.Effect<SealRing | undefined, E, R>
  readonly every: Duration.Input
}) => Layer.Layer<ApiKeySeals, E | InvalidSeals, Exclude<R, Scope.Scope>>
export declare const reload: Effect.Effect<void, never, ApiKeySeals>
export {}
