export declare const make: <const Prefix extends `/${string}`>(
  prefix: Prefix,
) => HttpApiGroup.HttpApiGroup<
  "leaks",
  | HttpApiEndpoint.HttpApiEndpoint<
      "report",
      "POST",
      `${Prefix}/`,
      never,
      never,
      Schema.toCodecJson<
        Schema.$Array<
          Schema.Struct<{
            readonly token: Schema.RedactedFromValue<Schema.String>
            readonly type: Schema.optionalKey<Schema.NullOr<Schema.String>>
            readonly url: Schema.optionalKey<Schema.NullOr<Schema.String>>
            readonly source: Schema.optionalKey<Schema.NullOr<Schema.String>>
          }>
        >
      >,
      Schema.toCodecStringTree<
        Schema.Struct<{
          "github-public-key-identifier": Schema.optionalKey<Schema.String>
          "github-public-key-signature": Schema.optionalKey<Schema.String>
        }>
      >,
      Schema.toCodecJson<
        Schema.$Array<
          Schema.Struct<{
            readonly token_hash: Schema.String
            readonly token_type: Schema.String
            readonly label: Schema.Literals<readonly ["true_positive", "false_positive"]>
          }>
        >
      >,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.BodyTooLargeProblem
        | typeof Problem.InvalidSignatureProblem
        | typeof Problem.NotOfferedProblem
        | typeof Problem.ServiceUnavailableProblem
        | typeof Problem.OverloadedProblem
      >,
      RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "revoke",
      "POST",
      `${Prefix}/revoke`,
      never,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly token: Schema.RedactedFromValue<Schema.String>
        }>
      >,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly accepted: Schema.Literal<true>
        }>
      >,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.BodyTooLargeProblem
        | typeof Problem.UnsupportedMediaTypeProblem
        | typeof Problem.NotOfferedProblem
        | typeof Problem.OverloadedProblem
      >,
      RequestProblems,
      never
    >,
  false
>

declare const LeaksGroup_base: HttpApiGroup.HttpApiGroup<
  "leaks",
  | HttpApiEndpoint.HttpApiEndpoint<
      "report",
      "POST",
      "/leaks/",
      never,
      never,
      Schema.toCodecJson<
        Schema.$Array<
          Schema.Struct<{
            readonly token: Schema.RedactedFromValue<Schema.String>
            readonly type: Schema.optionalKey<Schema.NullOr<Schema.String>>
            readonly url: Schema.optionalKey<Schema.NullOr<Schema.String>>
            readonly source: Schema.optionalKey<Schema.NullOr<Schema.String>>
          }>
        >
      >,
      Schema.toCodecStringTree<
        Schema.Struct<{
          "github-public-key-identifier": Schema.optionalKey<Schema.String>
          "github-public-key-signature": Schema.optionalKey<Schema.String>
        }>
      >,
      Schema.toCodecJson<
        Schema.$Array<
          Schema.Struct<{
            readonly token_hash: Schema.String
            readonly token_type: Schema.String
            readonly label: Schema.Literals<readonly ["true_positive", "false_positive"]>
          }>
        >
      >,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.BodyTooLargeProblem
        | typeof Problem.InvalidSignatureProblem
        | typeof Problem.NotOfferedProblem
        | typeof Problem.ServiceUnavailableProblem
        | typeof Problem.OverloadedProblem
      >,
      RequestProblems,
      never
    >
  | HttpApiEndpoint.HttpApiEndpoint<
      "revoke",
      "POST",
      "/leaks/revoke",
      never,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly token: Schema.RedactedFromValue<Schema.String>
        }>
      >,
      never,
      Schema.toCodecJson<
        Schema.Struct<{
          readonly accepted: Schema.Literal<true>
        }>
      >,
      Schema.toCodecJson<
        | typeof Problem.InvalidRequestProblem
        | typeof Problem.BodyTooLargeProblem
        | typeof Problem.UnsupportedMediaTypeProblem
        | typeof Problem.NotOfferedProblem
        | typeof Problem.OverloadedProblem
      >,
      RequestProblems,
      never
    >,
  false
>

export declare class LeaksGroup extends LeaksGroup_base {}

export type LeaksProblems = ProblemsOf<typeof LeaksGroup>

export type LeaksProblem = LeaksProblems[keyof LeaksProblems]

declare const LeaksApi_base: HttpApi.HttpApi<"effect-api-key-leaks", typeof LeaksGroup>

export declare class LeaksApi extends LeaksApi_base {}
