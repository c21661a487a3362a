export interface SigningKey {
  readonly identifier: string
  readonly publicKey: string
}

export interface LeakOptions {
  readonly signingKeys?: ReadonlyArray<SigningKey> | undefined
  readonly onReport?: "end" | "log" | undefined
  readonly revokeByPossession?: boolean | undefined
  readonly revocationsPerSecond?: number | undefined
}

declare const InvalidSigningKey_base: Schema.Class<
  InvalidSigningKey,
  Schema.TaggedStruct<
    "InvalidSigningKey",
    {
      readonly identifier: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class InvalidSigningKey extends InvalidSigningKey_base {
  get message(): string
}

export declare const layerLeaks: <ApiId extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<ApiId, Groups>,
  options?: LeakOptions,
) => Layer.Layer<HttpApiGroup.Service<ApiId, "leaks">, InvalidSigningKey, ApiKeys | RequestProblems>
