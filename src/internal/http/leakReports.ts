/**
 * Carries out {@link LeaksGroup} with the `ApiKeys` service.
 * @since 0.1.0
 */
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { type ApiKeyNotFound, Overloaded, type VerifyError, isUnknownPolicy } from "../../ApiKeyError.ts"
import { CurrentActor } from "../../ApiKeyEvents.ts"
import { ApiKeys } from "../../ApiKeys.ts"
import type { RequestProblems } from "./ApiKeysGroup.ts"
import { overloaded, unavailable } from "./refusing.ts"
import { LeakReport, type LeakLabels, type LeaksApi } from "./LeaksGroup.ts"
import { safeText } from "../text/safe.ts"
import * as Possession from "./possession.ts"
import * as Problem from "./Problem.ts"

/** A key that signs reports. @category models @since 0.1.0 */
export interface SigningKey {
  readonly identifier: string
  /** An ECDSA public key on the curve P-256, in PEM. */
  readonly publicKey: string
}

/** @category models @since 0.1.0 */
export interface LeakOptions {
  /** The keys that sign the accepted reports. Default: no keys, and `POST /leaks` isn't offered. */
  readonly signingKeys?: ReadonlyArray<SigningKey> | undefined
  /** Whether a reported token that works is ended, or only logged. Default: `end`. */
  readonly onReport?: "end" | "log" | undefined
  /** Whether the holder of a token can end it (`POST /leaks/revoke`). Default: no. */
  readonly revokeByPossession?: boolean | undefined
  /**
   * The number of tokens of existing keys that are looked at by possession in a second, over all senders. Up to 1,000 more wait. A token that
   * names no key costs a look-up alone. Default: 10, at least 0.1.
   */
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

/** The number of reported tokens looked at at a time. Other look-ups have their turn at hashing. */
const concurrency = 4
/** Reports come in the size that their sender likes, but have to fit into memory. */
const maxReportBytes = 10 * 1024 * 1024
/** The bytes of unchecked bodies that are read at a time, but for small ones. Only a whole body tells whether it is signed. */
const maxUnsignedBytes = 4 * maxReportBytes
const smallReportBytes = 64 * 1024
/** The number of places of a token that are logged, and the logged length of each. */
const maxPlaces = 8
const maxPlaceLength = 512

type Leak = (typeof LeakReport.Type)[number]

const makeHandlers = (api: typeof LeaksApi, options: LeakOptions) =>
  HttpApiBuilder.group(
    api,
    "leaks",
    Effect.fnUntraced(function* (handlers) {
      const { signingKeys = [], onReport = "end", revokeByPossession = false, revocationsPerSecond = 10 } = options
      const apiKeys = yield* ApiKeys
      const keys = new Map<string, IsSigned>()
      for (const { identifier, publicKey } of signingKeys) keys.set(identifier, yield* readKey(identifier, publicKey))
      const scope = yield* Effect.scope
      const turns = yield* Semaphore.make(concurrency)
      const readBody = makeReadBody()

      // The check of a token happens after the answer. Neither answer nor time tells the caller of the token's state.
      const rate = Math.max(revocationsPerSecond, 0.1)
      const revokePresented = (token: Redacted.Redacted) =>
        apiKeys.revoke(token, { reason: "possession" }).pipe(
          Effect.provideService(CurrentActor, { _tag: "Holder" }),
          Effect.flatMap(({ apiKey }) =>
            Effect.logWarning("An API key was ended by who held its token", { id: apiKey.id, keyId: apiKey.keyId }),
          ),
        )
      const identify = Effect.fnUntraced(function* (token: Redacted.Redacted) {
        for (const keyId of apiKeys.keyIdsOf(token)) {
          const apiKey = yield* Effect.catchTag(apiKeys.getByKeyId(keyId), ["NotFound", "InvalidInput"], () => Effect.succeed(undefined))
          if (apiKey !== undefined) return apiKey.id
        }
        return undefined
      })
      const possession = revokeByPossession ? yield* Possession.make({ identify, revoke: revokePresented }, rate) : undefined

      /** Whether it is one of ours, and so has leaked, though it may not work any more. */
      const isOurs = (token: Redacted.Redacted, leaks: ReadonlyArray<Leak>, digest: string) => {
        const found = describePlaces(leaks)
        const act: Effect.Effect<unknown, VerifyError | ApiKeyNotFound> =
          onReport === "end"
            ? Effect.tap(apiKeys.revoke(token, { reason: "leaked", report: digest }), ({ apiKey, isEnded }) =>
                Effect.logWarning(
                  isEnded
                    ? "A leaked API key was ended"
                    : "A report of a leaked API key came again, after the key was activated: nothing was ended",
                  { id: apiKey.id, keyId: apiKey.keyId, ...found },
                ),
              )
            : apiKeys.verify(token, { maxAge: 0, countsAsUse: false }).pipe(
                Effect.flatMap(({ apiKey }) =>
                  Effect.logWarning("An API key has leaked", { id: apiKey.id, keyId: apiKey.keyId, ...found }),
                ),
                // The secret was proven before the policies were read.
                Effect.catchIf(
                  (error) => isPolicys(error) || isUnknownPolicy(error),
                  () =>
                    Effect.logWarning("An API key has leaked, whose policies refuse it here", {
                      keyIds: apiKeys.keyIdsOf(token),
                      ...found,
                    }),
                ),
              )
        return act.pipe(
          Effect.retry({ while: Possession.isPassing, schedule: Schedule.exponential("100 millis"), times: 4 }),
          Effect.as(true),
          Effect.catchTags({
            MalformedToken: () => Effect.succeed(false),
            NotFound: () => Effect.succeed(false),
            InvalidSecret: () => Effect.succeed(false),
            InsufficientScope: () => Effect.succeed(true),
            IpNotAllowed: () => Effect.succeed(true),
            PolicyRefused: () => Effect.succeed(true),
            RateLimited: () => Effect.succeed(true),
            QuotaExceeded: () => Effect.succeed(true),
            // Deleted a moment ago.
            ApiKeyNotFound: () => Effect.succeed(true),
          }),
          Effect.catchTag(["Inactive", "Expired"], ({ keyId }) =>
            Effect.as(
              Effect.logWarning("The token of an API key that no longer works has leaked: don't activate or prolong it", {
                keyId,
                ...found,
              }),
              true,
            ),
          ),
          turns.withPermit,
        )
      }

      /** A token may have been found in many places, and is looked at once. All tokens are looked at, though one look fails. */
      const label = Effect.fnUntraced(function* (report: ReadonlyArray<Leak>, digest: string) {
        const byHash = new Map<string, Array<Leak>>()
        const hashes = report.map(({ token }) => Possession.hashOf(token))
        for (const [index, leak] of report.entries()) {
          const hash = hashes[index]!
          const leaks = byHash.get(hash)
          if (leaks === undefined) byHash.set(hash, [leak])
          else leaks.push(leak)
        }
        const ours = yield* Effect.forEach(
          byHash,
          ([hash, leaks]) => Effect.map(Effect.result(isOurs(leaks[0]!.token, leaks, digest)), (result) => [hash, result] as const),
          { concurrency },
        )
        const verdicts = new Map<string, boolean>()
        for (const [hash, result] of ours) verdicts.set(hash, yield* Effect.fromResult(result))
        return report.map(({ type }, index): (typeof LeakLabels.Type)[number] => {
          const hash = hashes[index]!
          return { token_hash: hash, token_type: type ?? "", label: verdicts.get(hash) === true ? "true_positive" : "false_positive" }
        })
      })

      return handlers
        .handleRaw("report", ({ headers }) =>
          Effect.gen(function* () {
            if (keys.size === 0) return yield* Effect.fail(new Problem.NotOfferedProblem())
            const reporter = headers["github-public-key-identifier"] ?? ""
            const isSigned = keys.get(reporter)
            // Without a known key's name no body is read.
            if (isSigned === undefined) return yield* Effect.fail(new Problem.InvalidSignatureProblem())
            const body = yield* readBody
            const signature = Buffer.from(headers["github-public-key-signature"] ?? "", "base64")
            // The signature is over the bytes on the wire, so the bytes are checked before a parser reads the body.
            if (!isSigned(body, signature)) return yield* Effect.fail(new Problem.InvalidSignatureProblem())
            const report = yield* Effect.mapError(decodeReport(body.toString("utf8")), ({ issue }) => misshapen(issue))
            // A report counts, though its sender doesn't wait for the answer.
            const labelling = Effect.provideService(label(report, digestOf(body)), CurrentActor, { _tag: "LeakReport", reporter })
            return yield* Effect.flatMap(Effect.forkIn(labelling, scope), Fiber.join)
          }).pipe(Effect.catchTags({ RepositoryError: failUnavailable, HasherError: failUnavailable, Overloaded: overloaded })),
        )
        .handle("revoke", ({ payload }) =>
          Effect.gen(function* () {
            if (possession === undefined) return yield* Effect.fail(new Problem.NotOfferedProblem())
            // A text without the form of a token takes no place from tokens. The form is no secret.
            if (!apiKeys.isToken(payload.token) || possession.offer(payload.token)) return { accepted: true as const }
            return yield* overloaded(new Overloaded({ retryAfterSeconds: 5 }))
          }),
        )
    }),
  )

/** The bounds hold beside any other reader and limit of bodies on the server. */
const makeReadBody = () => {
  let unsigned = 0
  return Effect.gen(function* () {
    const { stream } = yield* HttpServerRequest.HttpServerRequest
    const chunks: Array<Uint8Array> = []
    let size = 0
    let counted = 0
    yield* stream.pipe(
      Stream.mapError(() => unreadable),
      Stream.runForEach((chunk): Effect.Effect<void, Problem.BodyTooLargeProblem | Overloaded> => {
        size += chunk.length
        if (size > maxReportBytes) return Effect.fail(new Problem.BodyTooLargeProblem())
        const uncounted = Math.max(0, size - smallReportBytes) - counted
        if (unsigned + uncounted > maxUnsignedBytes) return Effect.fail(new Overloaded({ retryAfterSeconds: 30 }))
        unsigned += uncounted
        counted += uncounted
        chunks.push(chunk)
        return Effect.void
      }),
      Effect.ensuring(Effect.sync(() => (unsigned -= counted))),
    )
    return Buffer.concat(chunks)
  })
}

/** The digest is of the body alone. A body has many signatures by a key, and each signature gives a further one. */
const digestOf = (body: Buffer): string => createHash("sha256").update(body).digest("base64")

const describePlaces = (leaks: ReadonlyArray<Leak>) => {
  const shorten = (text: string | null | undefined) => safeText((text ?? "unknown").slice(0, maxPlaceLength))
  const places = new Set(leaks.slice(0, maxPlaces).map(({ url, source }) => `${shorten(url)} (${shorten(source)})`))
  return { found: Array.from(places).join(", "), places: leaks.length }
}

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

/** Whether a body's signature is a key's. */
type IsSigned = (body: Uint8Array, signature: Uint8Array) => boolean

/** The check of signatures by the key, if the key is of the kind that signs reports. */
export const readKey = (identifier: string, pem: string): Effect.Effect<IsSigned, InvalidSigningKey> => {
  const invalid = new InvalidSigningKey({ identifier })
  return Effect.flatMap(Effect.try({ try: () => createPublicKey(pem), catch: () => invalid }), (key) =>
    key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1"
      ? Effect.succeed(isSignedBy(key))
      : Effect.fail(invalid),
  )
}

/** RFC 3279 §2.2.3: the signature is DER. Bytes that aren't DER are no signature. */
const isSignedBy =
  (key: KeyObject): IsSigned =>
  (body, signature) =>
    Result.getOrElse(
      Result.try({ try: () => verify("sha256", body, { key, dsaEncoding: "der" }, signature), catch: () => undefined }),
      () => false,
    )

/** Whether a policy of the key refuses the use, of a token with the right secret. */
const isPolicys = ({ _tag }: VerifyError | ApiKeyNotFound): boolean =>
  _tag === "PolicyRefused" || _tag === "IpNotAllowed" || _tag === "RateLimited" || _tag === "QuotaExceeded"

const failUnavailable = (error: Parameters<typeof unavailable>[0]) => Effect.flatMap(unavailable(error), (problem) => Effect.fail(problem))
