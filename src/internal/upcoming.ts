import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Model from "../ApiKey.ts"
import type { RepositoryError } from "../ApiKeyError.ts"
import type { ApiKeyRepository } from "../ApiKeyRepository.ts"
import type { Upcoming } from "../ApiKeys.ts"

/** Keys that expire within a time from now, then those whose tokens come of age within it. */
export const upcoming = (
  repository: ApiKeyRepository["Service"],
  within: Duration.Duration,
  age: Duration.Duration,
): Stream.Stream<Upcoming, RepositoryError> =>
  Stream.unwrap(
    Effect.map(DateTime.now, (now) => {
      const end = DateTime.addDuration(now, within)
      const expiring = repository
        .stream({ expiresAfter: now, expiresBefore: end }, { by: "expiresAt", order: "asc" })
        .pipe(Stream.map((apiKey): Upcoming => ({ apiKey, reason: "expires", at: apiKey.expiresAt ?? end })))
      if (!Duration.isFinite(age)) return expiring
      const aging = repository
        .stream(
          { tokenCreatedAfter: DateTime.subtractDuration(now, age), tokenCreatedBefore: DateTime.subtractDuration(end, age) },
          { by: "tokenCreatedAt", order: "asc" },
        )
        .pipe(
          Stream.map((apiKey): Upcoming => ({
            apiKey,
            reason: "comesOfAge",
            at: DateTime.addDuration(Model.tokenCreatedAt(apiKey), age),
          })),
        )
      return Stream.concat(expiring, aging)
    }),
  )
