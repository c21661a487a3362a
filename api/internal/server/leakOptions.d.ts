declare const SigningKeysUnreadable_base: Schema.Class<
  SigningKeysUnreadable,
  Schema.TaggedStruct<
    "SigningKeysUnreadable",
    {
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class SigningKeysUnreadable extends SigningKeysUnreadable_base {
  get message(): string
}
