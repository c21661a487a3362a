/** How long keys may live. */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { InvalidInput } from "../../ApiKeyError.ts"
import type { Lifetimes } from "./options.ts"

/** The expiry of a key created now: the given one, or the default's. */
export const expiryFor = Effect.fnUntraced(function* (
  { defaultLifetime, maximumLifetime }: Lifetimes,
  now: DateTime.Utc,
  asked: DateTime.Utc | null | undefined,
): Effect.fn.Return<DateTime.Utc | null, InvalidInput> {
  const lifetime = defaultLifetime ?? maximumLifetime
  if (asked === undefined) return lifetime === undefined ? null : DateTime.addDuration(now, lifetime)
  if (asked !== null && DateTime.isLessThanOrEqualTo(asked, now)) {
    return yield* new InvalidInput({ field: "expiresAt", reason: "lies in the past" })
  }
  return asked
})

export const checkLifetime = (
  { maximumLifetime }: Lifetimes,
  createdAt: DateTime.Utc,
  expiresAt: DateTime.Utc | null,
): Effect.Effect<void, InvalidInput> => {
  if (maximumLifetime === undefined) return Effect.void
  return expiresAt !== null && DateTime.isLessThanOrEqualTo(expiresAt, DateTime.addDuration(createdAt, maximumLifetime))
    ? Effect.void
    : Effect.fail(new InvalidInput({ field: "expiresAt", reason: `a key lives at most ${Duration.format(maximumLifetime)}` }))
}
