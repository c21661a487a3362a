declare const MissingPackage_base: Schema.Class<
  MissingPackage,
  Schema.TaggedStruct<
    "MissingPackage",
    {
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class MissingPackage extends MissingPackage_base {
  get message(): string
  orElse(advice: string): MissingPackage
}
