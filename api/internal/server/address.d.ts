declare const AddressUnavailable_base: Schema.Class<
  AddressUnavailable,
  Schema.TaggedStruct<
    "AddressUnavailable",
    {
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class AddressUnavailable extends AddressUnavailable_base {
  get message(): string
}
