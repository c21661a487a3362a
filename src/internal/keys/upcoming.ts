import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Model from "../../ApiKey.ts"
import { InvalidInput, type RepositoryError } from "../../ApiKeyError.ts"
import type { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import type { Upcoming } from "./model.ts"

export const isLifetime = (duration: Duration.Duration): boolean => {
  const days = Duration.toDays(duration)
  return days > 0 && days <= 36_500
}

interface Options {
  readonly within: Duration.Input
  readonly maximumAge?: Duration.Input | undefined
}

/** Keys that expire within a time from now, then those whose tokens come of age within it, of those that work. */
export const upcoming = (
  repository: ApiKeyRepository["Service"],
  options: Options,
): Stream.Stream<Upcoming, InvalidInput | RepositoryError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const within = yield* decode("within", options.within)
      const age = options.maximumAge === undefined ? undefined : yield* decode("maximumAge", options.maximumAge)
      const now = yield* DateTime.now
      const end = DateTime.addDuration(now, within)
      const expiring = repository
        .stream({ isActive: true, expiresAfter: now, expiresBefore: end }, { by: "expiresAt", order: "asc" })
        .pipe(Stream.map((apiKey): Upcoming => ({ apiKey, reason: "expires", at: apiKey.expiresAt ?? end })))
      if (age === undefined) return expiring
      const aging = repository
        .stream(
          {
            isActive: true,
            expired: { is: false, at: now },
            tokenCreatedAfter: DateTime.subtractDuration(now, age),
            tokenCreatedBefore: DateTime.subtractDuration(end, age),
          },
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

const decode = (field: string, input: Duration.Input): Effect.Effect<Duration.Duration, InvalidInput> => {
  const duration = Duration.fromInputUnsafe(input)
  return isLifetime(duration)
    ? Effect.succeed(duration)
    : Effect.fail(new InvalidInput({ field, reason: "must be more than 0 and at most 36,500 days" }))
}
