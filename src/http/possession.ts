/** Tokens that those who hold them want ended, waiting for their turn. */
import { createHash } from "node:crypto"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { RepositoryError, VerifyError } from "../ApiKeyError.ts"

/** How many tokens may wait. */
export const capacity = 1_000

export interface Possession {
  /** Whether there is room for the token. One that waits already has its place. */
  readonly offer: (token: Redacted.Redacted) => boolean
}

/** The SHA-256 of a token, in base64. */
export const hashOf = (token: Redacted.Redacted): string => createHash("sha256").update(Redacted.value(token)).digest("base64")

/** Whether the same may succeed a moment later. */
export const isPassing = (error: VerifyError | RepositoryError | { readonly _tag: "ApiKeyNotFound" }): boolean =>
  error._tag === "Overloaded" || (error._tag === "RepositoryError" && error.isRetryable)

/** About a minute, as long as databases take to fail over. */
const patience = { while: isPassing, schedule: Schedule.exponential("200 millis"), times: 8 }

/** For what is left when the server stops, whose own requests have ended by then. */
const drainTime = "10 seconds"
const drainConcurrency = 4

/** Ends tokens one by one, so many a second; and what is left when the scope closes at once. */
export const make = Effect.fnUntraced(function* (
  revoke: (token: Redacted.Redacted) => Effect.Effect<void, VerifyError | { readonly _tag: "ApiKeyNotFound" }>,
  perSecond: number,
): Effect.fn.Return<Possession, never, Scope.Scope> {
  // By their hashes, so that many posts of one token take one place.
  const waiting = new Map<string, Redacted.Redacted>()
  const arrival = yield* Latch.make()
  const pause = Effect.sleep(Duration.millis(1_000 / perSecond))

  /** Whatever happens to a token, the next one has its turn. */
  const end = (hash: string, token: Redacted.Redacted): Effect.Effect<void> =>
    revoke(token).pipe(
      Effect.retry(patience),
      Effect.catchCause((cause) => {
        // An interruption has no failure of any type.
        if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause as Cause.Cause<never>)
        const error = Cause.squash(cause)
        return isRefusal(error) ? Effect.void : Effect.logError("An API key couldn't be ended by who held its token", cause)
      }),
      Effect.andThen(Effect.sync(() => void waiting.delete(hash))),
    )

  const next = Effect.suspend(() => {
    // Before looking, lest one come in between.
    arrival.closeUnsafe()
    const [first] = waiting
    return first === undefined ? arrival.await : Effect.andThen(end(...first), pause)
  })

  const drain = Effect.suspend(() =>
    Effect.forEach(waiting, (each) => end(...each), { concurrency: drainConcurrency, discard: true }),
  ).pipe(
    Effect.interruptible,
    Effect.timeoutOption(drainTime),
    Effect.andThen(
      Effect.suspend(() =>
        waiting.size === 0
          ? Effect.void
          : Effect.logError("The server stopped before all tokens were ended by who held them", { left: waiting.size }),
      ),
    ),
  )
  // Before the fiber, so that it has ended by then.
  yield* Effect.addFinalizer(() => drain)
  yield* Effect.forkScoped(Effect.forever(next))

  return {
    offer: (token) => {
      const hash = hashOf(token)
      if (!waiting.has(hash) && waiting.size >= capacity) return false
      waiting.set(hash, token)
      arrival.openUnsafe()
      return true
    },
  }
})

const refusals = new Set(["MalformedToken", "NotFound", "InvalidSecret", "Inactive", "Expired", "InsufficientScope", "ApiKeyNotFound"])
const isRefusal = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && refusals.has(String(error._tag))
