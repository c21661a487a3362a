import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Model from "../../ApiKey.ts"
import { InvalidCursor, InvalidInput, type RepositoryError } from "../../ApiKeyError.ts"
import type { ApiKeyRepository, Filter, Sort } from "../../ApiKeyRepository.ts"
import { decodeDuration } from "./input.ts"
import type { SearchUpcomingInput, Upcoming, UpcomingOptions, UpcomingPage } from "./model.ts"

export const isLifetime = (duration: Duration.Duration): boolean => {
  const days = Duration.toDays(duration)
  return days > 0 && days <= 36_500
}

/** Working keys that expire within a time from now, then those whose tokens come of age within that time. */
export const upcoming = (
  repository: ApiKeyRepository["Service"],
  options: UpcomingOptions,
): Stream.Stream<Upcoming, InvalidInput | RepositoryError> =>
  Stream.unwrap(
    Effect.map(decodeWindows(options), ({ expires, comesOfAge }) => {
      const read = ({ filter, sort, toUpcoming }: Window) => Stream.map(repository.stream(filter, sort), toUpcoming)
      return comesOfAge === undefined ? read(expires) : Stream.concat(read(expires), read(comesOfAge))
    }),
  )

/** A page of {@link upcoming}. The cursor is the name of the window in which the page ended, followed by the repository's cursor. */
export const searchUpcoming = Effect.fnUntraced(function* (
  repository: ApiKeyRepository["Service"],
  { limit = 50, cursor = "", ...options }: SearchUpcomingInput,
): Effect.fn.Return<UpcomingPage, InvalidInput | InvalidCursor | RepositoryError> {
  if (!Number.isInteger(limit) || limit < 1 || limit > 200) {
    return yield* new InvalidInput({ field: "limit", reason: "must be 1 to 200" })
  }
  const { expires, comesOfAge } = yield* decodeWindows(options)
  const search = ({ filter, sort, toUpcoming }: Window, cursor: string, limit: number) =>
    Effect.map(repository.search({ filter, sort, limit, page: { _tag: "Cursor", cursor } }), ({ items, nextCursor }) => ({
      items: items.map(toUpcoming),
      nextCursor,
    }))
  const [, reason, position = ""] = /^(expires|comesOfAge)\.(.*)$/s.exec(cursor === "" ? "expires." : cursor) ?? []
  if (reason === undefined) return yield* new InvalidCursor()
  if (reason === "comesOfAge") {
    return comesOfAge === undefined ? yield* new InvalidCursor() : named("comesOfAge", yield* search(comesOfAge, position, limit))
  }
  const expiring = named("expires", yield* search(expires, position, limit))
  if (expiring.nextCursor !== null || comesOfAge === undefined) return expiring
  const left = limit - expiring.items.length
  if (left === 0) return { ...expiring, nextCursor: "comesOfAge." }
  const aging = named("comesOfAge", yield* search(comesOfAge, "", left))
  return { ...aging, items: [...expiring.items, ...aging.items] }
})

const named = (reason: Upcoming["reason"], { items, nextCursor }: UpcomingPage): UpcomingPage => ({
  items,
  nextCursor: nextCursor === null ? null : `${reason}.${nextCursor}`,
})

/** The search for a reason, `expires` or `comesOfAge`. */
interface Window {
  readonly filter: Filter
  readonly sort: Sort
  readonly toUpcoming: (apiKey: Model.ApiKey) => Upcoming
}

const decodeWindows = Effect.fnUntraced(function* (options: UpcomingOptions) {
  const within = yield* decodeLifetime("within", options.within)
  const age = options.maximumAge === undefined ? undefined : yield* decodeLifetime("maximumAge", options.maximumAge)
  const now = yield* DateTime.now
  const end = DateTime.addDuration(now, within)
  const expires: Window = {
    filter: { isActive: true, expiresAfter: now, expiresBefore: end },
    sort: { by: "expiresAt", order: "asc" },
    toUpcoming: (apiKey) => ({ apiKey, reason: "expires", at: apiKey.expiresAt ?? end }),
  }
  if (age === undefined) return { expires, comesOfAge: undefined }
  const comesOfAge: Window = {
    filter: {
      isActive: true,
      expired: { is: false, at: now },
      tokenCreatedAfter: DateTime.subtractDuration(now, age),
      tokenCreatedBefore: DateTime.subtractDuration(end, age),
    },
    sort: { by: "tokenCreatedAt", order: "asc" },
    toUpcoming: (apiKey) => ({ apiKey, reason: "comesOfAge", at: DateTime.addDuration(Model.tokenCreatedAt(apiKey), age) }),
  }
  return { expires, comesOfAge }
})

export const decodeLifetime = (field: string, input: Duration.Input): Effect.Effect<Duration.Duration, InvalidInput> =>
  Effect.flatMap(decodeDuration(field, input), (duration) =>
    isLifetime(duration)
      ? Effect.succeed(duration)
      : Effect.fail(new InvalidInput({ field, reason: "must be more than 0 and at most 36,500 days" })),
  )
