export declare const exitCodes: {
  readonly done: 0
  readonly failed: 1
  readonly usage: 2
  readonly notFound: 3
  readonly invalidToken: 4
}

declare const CliFailure_base: Schema.Class<
  CliFailure,
  Schema.TaggedStruct<
    "CliFailure",
    {
      readonly exitCode: Schema.Literals<readonly [1, 2, 3, 4]>
      readonly tag: Schema.String
      readonly reason: Schema.String
      readonly advice: Schema.optionalKey<Schema.String>
      readonly token: Schema.optionalKey<Schema.Redacted<Schema.String>>
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class CliFailure extends CliFailure_base {
  readonly [Runtime.errorExitCode]: number
  get message(): string
  get [CliError.userMessage](): string
}

export declare const usage: (reason: string) => CliFailure
