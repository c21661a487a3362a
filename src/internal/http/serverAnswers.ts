/** Turns a server's answer into an error of the service, or a {@link ServerFailure}. */
import * as Effect from "effect/Effect"
import { HttpClientError } from "effect/http/HttpClientError"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { InvalidCursor, InvalidInput, Overloaded, RepositoryError } from "../../ApiKeyError.ts"
import { rootMessage } from "../text/rootMessage.ts"
import { safeLine } from "../text/safe.ts"
import { AnswerTooLarge } from "./boundedAnswers.ts"
import * as Problem from "./Problem.ts"
import {
  Forbidden,
  type ServerFailure,
  ServerUnavailable,
  ServerUnreachable,
  TooManyRequests,
  Unauthorized,
  UnexpectedAnswer,
} from "./ServerFailure.ts"

const problems = [
  Problem.InvalidRequestProblem,
  Problem.NotFoundProblem,
  Problem.VersionConflictProblem,
  Problem.GraceRunningProblem,
  Problem.TooManyKeysProblem,
  Problem.UnconfirmedProblem,
] as const

/** The problems that the service has errors of its own for. */
export type OwnProblem = InstanceType<(typeof problems)[number]>

export const isOwnProblem = (error: unknown): error is OwnProblem => problems.some((problem) => error instanceof problem)

/** The server that was asked, and the client's own token with the name that messages call it by. */
interface Asked {
  readonly url: string
  readonly token: Redacted.Redacted
  readonly tokenName: string
}

/** The message of a failure, without a part of the token. `fetch` repeats a header that can't be sent. */
const describeFailure = (error: unknown, token: Redacted.Redacted): string =>
  Redacted.value(token)
    .split(/\s+/)
    .reduce((text, part) => (part.length < 4 ? text : text.replaceAll(part, "…")), rootMessage(error))

/** Whether a request can't have reached the server. No change was made then. */
export const isUnsent = (error: unknown): boolean =>
  error instanceof HttpClientError && error.response === undefined && /ECONNREFUSED|ENOTFOUND|EAI_AGAIN/.test(rootMessage(error))

/** All that a request fails with otherwise: no answer, a strange one, or one about the client's own token. */
export const toServerFailure = (error: unknown, { url, token, tokenName }: Asked): ServerFailure => {
  if (error instanceof HttpClientError) {
    const { response, reason } = error
    if (reason.cause instanceof AnswerTooLarge) return new UnexpectedAnswer({ url, reason: reason.cause.message })
    if (response !== undefined) return new UnexpectedAnswer({ url, reason: describeStatus(response.status) })
    return new ServerUnreachable({ url, reason: `can't be reached, or gave no answer (${describeFailure(error, token)})` })
  }
  if (error instanceof Problem.OverloadedProblem) return new Overloaded({ retryAfterSeconds: error.retryAfterSeconds })
  if (error instanceof Problem.ServiceUnavailableProblem) return new ServerUnavailable({ url })
  if (error instanceof Problem.InsufficientScopeProblem)
    return new Forbidden({ tokenName, reason: "InsufficientScope", scopes: error.required })
  if (error instanceof Problem.ScopeNotHeldProblem) return new Forbidden({ tokenName, reason: "ScopeNotHeld", scopes: error.scopes })
  if (error instanceof Problem.PreviousTokenProblem) return new Forbidden({ tokenName, reason: "PreviousToken", scopes: [] })
  if (error instanceof Problem.PolicyRefusedProblem) return new Forbidden({ tokenName, reason: "PolicyRefused", scopes: [] })
  if (error instanceof Problem.IpNotAllowedProblem) return new Forbidden({ tokenName, reason: "IpNotAllowed", scopes: [] })
  if (error instanceof Problem.QuotaSpentProblem) return new Forbidden({ tokenName, reason: "QuotaSpent", scopes: [] })
  if (error instanceof Problem.RateLimitedProblem)
    return new TooManyRequests({ tokenName, limits: error["violated-policies"].map(safeLine), retryAt: error.retryAt })
  if (error instanceof Problem.MissingApiKeyProblem)
    return new Unauthorized({ url, tokenName, reason: `${rootMessage(error)}: ${elsewhere}` })
  if (refusals.some((refusal) => error instanceof refusal)) return new Unauthorized({ url, tokenName, reason: rootMessage(error) })
  return new UnexpectedAnswer({ url, reason: error instanceof Schema.SchemaError ? otherShape : rootMessage(error) })
}

/** The client sends a token with each request, so the server didn't look where it is. */
const elsewhere = "the server takes keys in another place, see its API_KEY_CREDENTIALS"

const refusals = [Problem.InvalidTokenProblem, Problem.InactiveProblem, Problem.ExpiredProblem]

const otherShape = "of another shape"

const describeStatus = (status: number): string => {
  if (status < 300) return otherShape
  return status < 400 ? `status ${status}, a redirection: name the address that it leads to` : `status ${status}`
}

/** Whether the same request may be answered a moment later. */
export const isPassing = (failure: ServerFailure, error: unknown): boolean => {
  switch (failure._tag) {
    case "ServerUnreachable":
    case "ServerUnavailable":
    case "Overloaded":
      return true
    case "TooManyRequests":
      return failure.retryAt !== null
    case "UnexpectedAnswer": {
      // A proxy in front of the server gives such a status, while the server starts for example.
      const status = error instanceof HttpClientError ? error.response?.status : undefined
      return status !== undefined && (status === 429 || status >= 500)
    }
    case "Unauthorized":
    case "Forbidden":
      return false
  }
}

/**
 * The first issue has a path of the request, and the service knows the last parts of the path. The reason tells of the other issues too. The
 * server's texts may repeat a request, or hold any other text.
 */
export const toInvalidInput = ({ errors = [], message }: Problem.InvalidRequestProblem): InvalidInput => {
  const issues = errors.map(({ path, message }) => ({ field: safeLine(fieldOf(path)), reason: safeLine(message) }))
  const [first, ...others] = issues
  if (first === undefined) return new InvalidInput({ field: "request", reason: safeLine(message) })
  return new InvalidInput({
    field: first.field === "" ? "request" : first.field,
    reason: [first.reason, ...others.map(({ field, reason }) => `${field}: ${reason}`)].join("; "),
  })
}

const parts = ["payload", "query", "params", "headers"]

const fieldOf = (path: ReadonlyArray<PropertyKey>): string => {
  const [first, ...rest] = path.map(String)
  return (first !== undefined && parts.includes(first) ? rest : path.map(String)).join(".")
}

export const invalidInput = (problem: Problem.InvalidRequestProblem): Effect.Effect<never, InvalidInput> =>
  Effect.fail(toInvalidInput(problem))

/** The same, where a cursor was sent. */
export const invalidPage = (problem: Problem.InvalidRequestProblem): Effect.Effect<never, InvalidInput | InvalidCursor> =>
  Effect.fail(
    problem.errors?.some(({ path }) => path.map(String).join(".") === "query.cursor") === true
      ? new InvalidCursor()
      : toInvalidInput(problem),
  )

/** Of operations that fail with `Overloaded` themselves. */
export const orOverloaded = <E>(error: E): E | Overloaded =>
  error instanceof RepositoryError && error.cause instanceof Overloaded ? error.cause : error
