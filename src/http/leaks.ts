/**
 * Carries out {@link LeaksGroup} with the `ApiKeys` service.
 * @since 0.1.0
 */
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { Overloaded } from "../ApiKeyError.ts"
import { ApiKeys } from "../ApiKeys.ts"
import type { RequestProblems } from "./ApiKeysGroup.ts"
import { overloaded, unavailable } from "./auth.ts"
import { LeakReport, type LeakLabels, type LeaksApi } from "./LeaksGroup.ts"
import * as Problem from "./Problem.ts"

/** A key that signs reports. @category models @since 0.1.0 */
export interface SigningKey {
  readonly identifier: string
  /** An ECDSA public key on the curve P-256, in PEM. */
  readonly publicKey: string
}

/** @category models @since 0.1.0 */
export interface LeakOptions {
  /** Whose reports are taken. Default: nobody's, and `POST /leaks` isn't offered. */
  readonly signingKeys?: ReadonlyArray<SigningKey> | undefined
  /** What is done about a reported token that works: it is ended, or only logged. Default: `end`. */
  readonly onReport?: "end" | "log" | undefined
  /** Whether whoever holds a token can end it (`POST /leaks/revoke`). Default: no. */
  readonly revokeByPossession?: boolean | undefined
  /** How many tokens may be ended by possession in a second, whoever sends them; up to 1,000 more wait. Default: 10. */
  readonly revocationsPerSecond?: number | undefined
}

/** A signing key isn't an ECDSA public key on P-256. @category errors @since 0.1.0 */
export class InvalidSigningKey extends Schema.TaggedError<InvalidSigningKey>()("InvalidSigningKey", { identifier: Schema.String }) {
  override get message(): string {
    return `The signing key ${this.identifier} isn't an ECDSA public key on P-256 in PEM`
  }
}

/**
 * The handlers of the group `leaks` within `api`.
 * @category layers
 * @since 0.1.0
 */
export const layerLeaks = <ApiId extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<ApiId, Groups>,
  options: LeakOptions = {},
): Layer.Layer<HttpApiGroup.Service<ApiId, "leaks">, InvalidSigningKey, ApiKeys | RequestProblems> =>
  // The group that `api` holds under this name is ours, as in `layerHandlers`.
  makeHandlers(api as unknown as typeof LeaksApi, options) as unknown as Layer.Layer<
    HttpApiGroup.Service<ApiId, "leaks">,
    InvalidSigningKey,
    ApiKeys | RequestProblems
  >

/** Reported tokens that are looked at at a time. */
const concurrency = 4
/** Tokens that wait to be ended by their holders. */
const maxWaiting = 1_000

const makeHandlers = (api: typeof LeaksApi, options: LeakOptions) =>
  HttpApiBuilder.group(
    api,
    "leaks",
    Effect.fnUntraced(function* (handlers) {
      const { signingKeys = [], onReport = "end", revokeByPossession = false, revocationsPerSecond = 10 } = options
      const apiKeys = yield* ApiKeys
      const keys = new Map<string, KeyObject>()
      for (const { identifier, publicKey } of signingKeys) keys.set(identifier, yield* readKey(identifier, publicKey))

      // Nothing that the caller could see or time says what a token was, as all of it happens later.
      const presented = yield* Effect.acquireRelease(Queue.dropping<Redacted.Redacted>(maxWaiting), Queue.shutdown)
      const rate = Math.max(revocationsPerSecond, 0.1)
      const pause = Effect.sleep(Duration.millis(1_000 / rate))
      const endPresented = Effect.flatMap(Queue.take(presented), (token) =>
        apiKeys.revoke(token, { reason: "possession" }).pipe(
          Effect.flatMap(({ apiKey }) =>
            Effect.logWarning("An API key was ended by who held its token", { id: apiKey.id, keyId: apiKey.keyId }),
          ),
          Effect.catchTag(["RepositoryError", "HasherError", "Overloaded"], (error) =>
            Effect.logError("An API key couldn't be ended by who held its token", error),
          ),
          // What isn't a token costs nothing, and must not keep tokens waiting.
          Effect.matchEffect({ onSuccess: () => pause, onFailure: ({ _tag }) => (_tag === "MalformedToken" ? Effect.void : pause) }),
        ),
      )
      if (revokeByPossession) yield* Effect.forkScoped(Effect.forever(endPresented))

      const isLive = ({ token, url, source }: (typeof LeakReport.Type)[number]) => {
        const found = { url: url ?? "unknown", source: source ?? "unknown" }
        const act =
          onReport === "end"
            ? Effect.tap(apiKeys.revoke(token, { reason: "leaked" }), ({ apiKey }) =>
                Effect.logWarning("A leaked API key was ended", { id: apiKey.id, keyId: apiKey.keyId, ...found }),
              )
            : Effect.tap(apiKeys.verify(token, { maxAge: 0 }), ({ apiKey }) =>
                Effect.logWarning("An API key has leaked", { id: apiKey.id, keyId: apiKey.keyId, ...found }),
              )
        return act.pipe(
          Effect.as(true),
          Effect.tapError((error) =>
            error._tag === "Inactive" || error._tag === "Expired"
              ? Effect.logWarning("The token of an API key that no longer works has leaked: don't activate or prolong it", {
                  keyId: error.keyId,
                  ...found,
                })
              : Effect.void,
          ),
          Effect.catchTag(["MalformedToken", "NotFound", "InvalidSecret", "Inactive", "Expired", "InsufficientScope"], () =>
            Effect.succeed(false),
          ),
        )
      }

      return handlers
        .handleRaw("report", ({ headers }) =>
          Effect.gen(function* () {
            if (keys.size === 0) return yield* Effect.fail(new Problem.NotOfferedProblem())
            // The signature is over the bytes that were sent, so they are checked before anything reads them.
            const { arrayBuffer } = yield* HttpServerRequest.HttpServerRequest
            const body = Buffer.from(yield* Effect.mapError(arrayBuffer, () => unreadable))
            const key = keys.get(headers["github-public-key-identifier"] ?? "")
            const signature = Buffer.from(headers["github-public-key-signature"] ?? "", "base64")
            if (key === undefined || !isSigned(body, signature, key)) return yield* Effect.fail(new Problem.InvalidSignatureProblem())
            const report = yield* Effect.mapError(decodeReport(body.toString("utf8")), ({ issue }) => misshapen(issue))
            return yield* Effect.forEach(
              report,
              (leak) =>
                Effect.map(isLive(leak), (live): (typeof LeakLabels.Type)[number] => ({
                  token_hash: createHash("sha256").update(Redacted.value(leak.token)).digest("base64"),
                  token_type: leak.type,
                  label: live ? "true_positive" : "false_positive",
                })),
              { concurrency },
            )
          }).pipe(
            Effect.catchTags({
              RepositoryError: failUnavailable,
              HasherError: failUnavailable,
              ApiKeyNotFound: failUnavailable,
              Overloaded: overloaded,
            }),
          ),
        )
        .handle("revoke", ({ payload }) =>
          Effect.gen(function* () {
            if (!revokeByPossession) return yield* Effect.fail(new Problem.NotOfferedProblem())
            if (Queue.offerUnsafe(presented, payload.token)) return { accepted: true as const }
            return yield* overloaded(new Overloaded({ retryAfterSeconds: Math.ceil(maxWaiting / rate) }))
          }),
        )
    }),
  )

const decodeReport = Schema.decodeUnknownEffect(Schema.fromJsonString(LeakReport))

const unreadable = new Problem.InvalidRequestProblem({ detail: "The body can't be read" })

/** Names the places, and repeats no value: the body is full of tokens. */
const misshapen = (issue: SchemaIssue.Issue) =>
  new Problem.InvalidRequestProblem({
    detail: "The body isn't a report",
    errors: formatIssues(issue)
      .issues.slice(0, 32)
      .map(({ path = [] }) => ({
        path: path.map((segment) => String(typeof segment === "object" ? segment.key : segment).slice(0, 64)),
        message: "doesn't fit",
      })),
  })
const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1()

/** The key, if it is one that signs reports. */
export const readKey = (identifier: string, pem: string): Effect.Effect<KeyObject, InvalidSigningKey> => {
  const invalid = new InvalidSigningKey({ identifier })
  return Effect.flatMap(Effect.try({ try: () => createPublicKey(pem), catch: () => invalid }), (key) =>
    key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1" ? Effect.succeed(key) : Effect.fail(invalid),
  )
}

/** RFC 3279 §2.2.3: the signature is DER. What isn't is no signature. */
const isSigned = (body: Buffer, signature: Buffer, key: KeyObject): boolean =>
  Result.getOrElse(
    Result.try({ try: () => verify("sha256", body, { key, dsaEncoding: "der" }, signature), catch: () => undefined }),
    () => false,
  )

const failUnavailable = (error: Parameters<typeof unavailable>[0] | { readonly _tag: "ApiKeyNotFound" }) =>
  error._tag === "ApiKeyNotFound"
    ? Effect.fail(new Problem.ServiceUnavailableProblem())
    : Effect.flatMap(unavailable(error), (problem) => Effect.fail(problem))
