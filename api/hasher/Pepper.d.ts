import * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
export declare const minimumBytes: number
export interface PepperOptions {
  readonly pepper?: Redacted.Redacted | undefined
}
export interface Pepper {
  readonly id: string
  readonly value: Redacted.Redacted
}
export interface PepperRing {
  readonly current: Pepper
  readonly older: ReadonlyArray<Pepper>
}
export declare const builtIn: Pepper
declare const PepperTooShort_base: Schema.Class<
  PepperTooShort,
  Schema.TaggedStruct<
    "PepperTooShort",
    {
      readonly actualBytes: Schema.Int
      readonly position: Schema.optionalKey<Schema.Int>
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class PepperTooShort extends PepperTooShort_base {
  get message(): string
}
declare const InvalidPeppers_base: Schema.Class<
  InvalidPeppers,
  Schema.TaggedStruct<
    "InvalidPeppers",
    {
      readonly reason: Schema.Literals<readonly ["Malformed", "InvalidId", "DuplicateId", "DuplicateValue", "Empty", "TwoSources"]>
      readonly position: Schema.optionalKey<Schema.Int>
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class InvalidPeppers extends InvalidPeppers_base {
  get message(): string
}
declare const PeppersUnavailable_base: Schema.Class<
  PeppersUnavailable,
  Schema.TaggedStruct<
    "PeppersUnavailable",
    {
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class PeppersUnavailable extends PeppersUnavailable_base {
  get message(): string
}
export type PepperError = PepperTooShort | InvalidPeppers | PeppersUnavailable
declare const Peppers_base: Context.ServiceClass<
  Peppers,
  "effect-api-key/Peppers",
  {
    readonly ring: Effect.Effect<PepperRing, PepperError>
    readonly reload?: Effect.Effect<void>
  }
>
export declare class Peppers extends Peppers_base {}
export declare const checkRing: (ring: PepperRing) => Effect.Effect<PepperRing, InvalidPeppers | PepperTooShort, never>
export declare const config: Config.Config<PepperOptions>
export declare const loadConfig: Effect.Effect<PepperRing, PepperError | Config.ConfigError>
export declare const layerRing: (ring: PepperRing) => Layer.Layer<Peppers, PepperTooShort | InvalidPeppers>
export declare const layerConfig: Layer.Layer<Peppers, PepperError | Config.ConfigError>
export declare const layerReloading: <E, R>(options: {
  readonly load: Effect.Effect<PepperRing, E, R>
  readonly every: Duration.Input
}) => Layer.Layer<Peppers, E | PepperTooShort | InvalidPeppers, Exclude<R, Scope.Scope>>
export declare const reload: Effect.Effect<void, never, Peppers>
export declare const toBytes: (args_0: PepperOptions) => Effect.Effect<Uint8Array<ArrayBufferLike>, PepperTooShort, never>
export {}
