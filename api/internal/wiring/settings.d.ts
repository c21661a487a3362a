declare const PepperRequired_base: Schema.Class<
  PepperRequired,
  Schema.TaggedStruct<"PepperRequired", {}>,
  import("effect/Cause").YieldableError
>

export declare class PepperRequired extends PepperRequired_base {
  get message(): string
}
