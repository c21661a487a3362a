/**
 * The HTTP interface for tokens that were found where they shouldn't be: {@link LeaksGroup}, to be added to an `HttpApi` of your own.
 *
 * The endpoints take no API key. The two endpoints are off until `layerLeaks` of `effect-api-key/http/implementation` turns them on.
 * @since 0.1.0
 */
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { type ProblemsOf, RequestProblems } from "./ApiKeysGroup.ts"
import { explain } from "./explain.ts"
import * as Problem from "./Problem.ts"

const OptionalText = Schema.optionalKey(Schema.NullOr(Schema.String))

/**
 * Tokens that a scanner found, in the shape of GitHub's secret scanning partner programme
 * (https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program).
 * @category schemas
 * @since 0.1.0
 */
export const LeakReport = Schema.Array(
  Schema.Struct({
    token: Schema.RedactedFromValue(Schema.String),
    // A strange type or place must not keep the token from being ended.
    type: OptionalText,
    url: OptionalText,
    source: OptionalText,
  }),
).annotate({ identifier: "LeakReport" })

/**
 * The verdict on each token, in the order of the report: `true_positive` for a token of ours, working or ended. `token_hash` is the SHA-256 of
 * the token in base64, so the answer doesn't repeat the token. `token_type` is empty where the report named none.
 * @category schemas
 * @since 0.1.0
 */
export const LeakLabels = Schema.Array(
  Schema.Struct({
    token_hash: Schema.String,
    token_type: Schema.String,
    label: Schema.Literals(["true_positive", "false_positive"]),
  }),
)

/** @category schemas @since 0.1.0 */
export const RevokePayload = Schema.Struct({ token: Schema.RedactedFromValue(Schema.String) }).annotate({
  identifier: "RevokeToken",
})

/** @category schemas @since 0.1.0 */
export const Accepted = Schema.Struct({ accepted: Schema.Literal(true) }).pipe(HttpApiSchema.status(202))

/**
 * Makes the group under another path than `/leaks`.
 * @category constructors
 * @since 0.1.0
 */
export const make = <const Prefix extends `/${string}`>(prefix: Prefix) =>
  HttpApiGroup.make("leaks")
    .add(
      HttpApiEndpoint.post("report", "/", {
        headers: {
          "github-public-key-identifier": Schema.optionalKey(Schema.String.check(Schema.isMaxLength(256))),
          "github-public-key-signature": Schema.optionalKey(Schema.String.check(Schema.isMaxLength(512))),
        },
        payload: LeakReport,
        success: LeakLabels,
        error: [
          Problem.BodyTooLargeProblem,
          Problem.InvalidRequestProblem,
          Problem.InvalidSignatureProblem,
          Problem.NotOfferedProblem,
          Problem.OverloadedProblem,
          Problem.ServiceUnavailableProblem,
        ],
      }).pipe(
        explain({
          summary: "Report leaked tokens",
          description:
            "Takes reports of up to 10 MiB whose body is signed (ECDSA over P-256 and SHA-256, in DER and base64) by a key that is configured.",
          example: [{ token: "ak-7a74caa323a5410d-…", type: "effect_api_key", url: "https://example.com/file.txt", source: "content" }],
        }),
      ),
      HttpApiEndpoint.post("revoke", "/revoke", {
        payload: RevokePayload,
        success: Accepted,
        error: [
          Problem.BodyTooLargeProblem,
          Problem.InvalidRequestProblem,
          Problem.NotOfferedProblem,
          Problem.OverloadedProblem,
          Problem.UnsupportedMediaTypeProblem,
        ],
      }).pipe(
        explain({
          summary: "End a token by holding it",
          description: "Ends the token that is sent, if it is one. The answer is the same whether it is.",
          example: { token: "ak-7a74caa323a5410d-…" },
        }),
      ),
    )
    .middleware(RequestProblems)
    .prefix(prefix)
    .annotate(HttpApi.PayloadParseOptions, { onExcessProperty: "ignore", errors: "first" })
    .annotate(OpenApi.Title, "Leaked keys")
    .annotate(OpenApi.Description, "For tokens that were found where they shouldn't be. Off unless the server's configuration offers them.")

/**
 * The group under `/leaks`.
 * @category groups
 * @since 0.1.0
 */
export class LeaksGroup extends make("/leaks") {}

/**
 * The failures of each endpoint of the group, by the endpoint's name, as `ApiKeysProblems` does for the management group.
 * @category models
 * @since 0.1.0
 */
export type LeaksProblems = ProblemsOf<typeof LeaksGroup>

/** A failure of any endpoint of the group. @category models @since 0.1.0 */
export type LeaksProblem = LeaksProblems[keyof LeaksProblems]

/** An api of just the group. @category groups @since 0.1.0 */
export class LeaksApi extends HttpApi.make("effect-api-key-leaks").add(LeaksGroup) {}
