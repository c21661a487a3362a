declare const InvalidServerUrl_base: Schema.Class<
  InvalidServerUrl,
  Schema.TaggedStruct<
    "InvalidServerUrl",
    {
      readonly reason: Schema.Literals<readonly ["Malformed", "Credentials", "QueryOrFragment", "Plaintext"]>
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class InvalidServerUrl extends InvalidServerUrl_base {
  get message(): string
}

export type Plaintext = "loopback" | "anywhere"
