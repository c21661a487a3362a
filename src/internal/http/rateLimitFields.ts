/**
 * The header fields of rate limits and quotas: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11), lists of strings with
 * parameters (RFC 9651), and `Retry-After` (RFC 9110 §10.2.3). By configuration also the older `X-RateLimit-*`.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { RateLimited } from "../../ApiKeyError.ts"
import type { LimitState } from "../../RateLimit.ts"

type Fields = Readonly<Record<string, string>>

/** Timers of some clients fire at once for waits beyond 2^31 ms. */
const maxRetryAfter = 86_400

export const fieldsOf = (limits: ReadonlyArray<LimitState>, withOlder: boolean, nowMillis: number): Fields => ({
  "ratelimit-policy": policyOf(limits),
  ratelimit: stateOf(limits),
  ...(withOlder && olderOf(limits, nowMillis)),
})

/** Of a refusal, `RateLimit` has the limits that refuse alone. `Retry-After` is never before the `t` of one of those. */
export const fieldsOfRefusal = (
  { limits, violated, retryAfter }: Pick<RateLimited, "limits" | "violated" | "retryAfter">,
  withOlder: boolean,
  nowMillis: number,
): Fields => {
  const refusing = limits.filter(({ name }) => violated.includes(name))
  const longest = refusing.reduce((longest, { resetAfterMillis }) => Math.max(longest, secondsOf(resetAfterMillis ?? 0)), 0)
  return {
    ...fieldsOf(refusing, withOlder, nowMillis),
    "ratelimit-policy": policyOf(limits),
    ...(retryAfter !== null && {
      "retry-after": String(Math.min(maxRetryAfter, Math.max(secondsOf(Duration.toMillis(retryAfter)), longest))),
    }),
  }
}

/**
 * Adds the fields to the response of a request. A redirection has none, as its target has limits of its own. An application that tells of limits
 * itself is left alone.
 */
export const adding =
  (fields: Fields): HttpEffect.PreResponseHandler =>
  (_request, response) => {
    const { status, headers } = response
    const isLeftAlone = (status >= 300 && status < 400) || headers["ratelimit"] !== undefined || headers["ratelimit-policy"] !== undefined
    return Effect.succeed(isLeftAlone ? response : HttpServerResponse.setHeaders(response, fields))
  }

// Names have no character that a string of RFC 9651 escapes.
const policyOf = (limits: ReadonlyArray<LimitState>): string =>
  limits.map(({ name, limit, windowSeconds }) => `"${name}";q=${limit}${windowSeconds === null ? "" : `;w=${windowSeconds}`}`).join(", ")

const stateOf = (limits: ReadonlyArray<LimitState>): string =>
  limits
    .map(({ name, remaining, resetAfterMillis }) => {
      const time = resetAfterMillis === 0 || resetAfterMillis === null ? "" : `;t=${secondsOf(resetAfterMillis)}`
      return `"${name}";r=${remaining}${time}`
    })
    .join(", ")

const secondsOf = (millis: number): number => Math.ceil(millis / 1_000)

/** The fields have place for one limit: the one with the fewest units left. `X-RateLimit-Reset` is in seconds since 1970. */
const olderOf = (limits: ReadonlyArray<LimitState>, nowMillis: number): Fields => {
  const [first, ...others] = limits
  if (first === undefined) return {}
  const tightest = others.reduce((least, each) => (each.remaining < least.remaining ? each : least), first)
  return {
    "x-ratelimit-limit": String(tightest.limit),
    "x-ratelimit-remaining": String(tightest.remaining),
    ...(tightest.resetAfterMillis !== null && { "x-ratelimit-reset": String(secondsOf(nowMillis + tightest.resetAfterMillis)) }),
  }
}
