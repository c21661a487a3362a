import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Model from "../../ApiKey.ts"
import { InvalidCursor, InvalidInput, type RepositoryError } from "../../ApiKeyError.ts"
import type { ApiKeyRepository, Filter, StoreSort } from "../../ApiKeyRepository.ts"
import { idleAt } from "../../IdleTimeout.ts"
import { decodeDuration } from "./input.ts"
import type { SearchUpcomingInput, Upcoming, UpcomingOptions, UpcomingPage } from "./model.ts"

export const isLifetime = (duration: Duration.Duration): boolean => {
  const days = Duration.toDays(duration)
  return days > 0 && days <= 36_500
}

/**
 * Working keys that expire within a time from now, then those whose tokens come of age within that time, then those that become idle if they
 * aren't used.
 */
export const upcoming = (
  repository: ApiKeyRepository["Service"],
  options: UpcomingOptions,
): Stream.Stream<Upcoming, InvalidInput | RepositoryError> =>
  Stream.unwrap(
    Effect.map(decodeWindows(options), (windows) =>
      Stream.flatMap(Stream.fromIterable(windows), ({ filter, sort, toUpcoming }) =>
        Stream.map(repository.stream(filter, sort), toUpcoming),
      ),
    ),
  )

/** A page of {@link upcoming}. The cursor is the name of the window in which the page ended, followed by the repository's cursor. */
export const searchUpcoming = Effect.fnUntraced(function* (
  repository: ApiKeyRepository["Service"],
  { limit = 50, cursor = "", ...options }: SearchUpcomingInput,
): Effect.fn.Return<UpcomingPage, InvalidInput | InvalidCursor | RepositoryError> {
  if (!Number.isInteger(limit) || limit < 1 || limit > 200) {
    return yield* new InvalidInput({ field: "limit", reason: "must be 1 to 200" })
  }
  const windows = yield* decodeWindows(options)
  const [, name, rest = ""] = /^([a-zA-Z]+)\.(.*)$/s.exec(cursor === "" ? "expires." : cursor) ?? []
  const first = windows.findIndex(({ reason }) => reason === name)
  if (first === -1) return yield* new InvalidCursor()
  const items: Array<Upcoming> = []
  let position = rest
  for (const { reason, filter, sort, toUpcoming } of windows.slice(first)) {
    const left = limit - items.length
    const page = { _tag: "Cursor", cursor: position } as const
    const found = yield* repository.search({ filter, sort, limit: Math.max(1, left), page })
    if (left === 0) {
      // A page that is full leads to the next window that isn't empty.
      if (found.items.length > 0) return { items, nextCursor: `${reason}.` }
      continue
    }
    for (const apiKey of found.items) items.push(toUpcoming(apiKey))
    if (found.nextCursor !== null) return { items, nextCursor: `${reason}.${found.nextCursor}` }
    position = ""
  }
  return { items, nextCursor: null }
})

/** The search for a reason. */
interface Window {
  readonly reason: Upcoming["reason"]
  readonly filter: Filter
  readonly sort: StoreSort
  readonly toUpcoming: (apiKey: Model.ApiKey) => Upcoming
}

/** The windows in the order of the list. */
const decodeWindows = Effect.fnUntraced(function* (options: UpcomingOptions): Effect.fn.Return<ReadonlyArray<Window>, InvalidInput> {
  const within = yield* decodeLifetime("within", options.within)
  const age = options.maximumAge === undefined ? undefined : yield* decodeLifetime("maximumAge", options.maximumAge)
  const now = yield* DateTime.now
  const end = DateTime.addDuration(now, within)
  const works = { isActive: true, expired: { is: false, at: now } }
  const expires: Window = {
    reason: "expires",
    filter: { isActive: true, expiresAfter: now, expiresBefore: end },
    sort: { by: "expiresAt", order: "asc" },
    toUpcoming: (apiKey) => ({ apiKey, reason: "expires", at: apiKey.expiresAt ?? end }),
  }
  const comesOfAge = (age: Duration.Duration): Window => ({
    reason: "comesOfAge",
    filter: {
      ...works,
      tokenCreatedAfter: DateTime.subtractDuration(now, age),
      tokenCreatedBefore: DateTime.subtractDuration(end, age),
    },
    sort: { by: "tokenCreatedAt", order: "asc" },
    toUpcoming: (apiKey) => ({ apiKey, reason: "comesOfAge", at: DateTime.addDuration(Model.tokenCreatedAt(apiKey), age) }),
  })
  const idle: Window = {
    reason: "idle",
    filter: { ...works, idleAfter: now, idleBefore: end },
    sort: { by: "idleAt", order: "asc" },
    toUpcoming: (apiKey) => ({ apiKey, reason: "idle", at: idleAt(apiKey) ?? end }),
  }
  return age === undefined ? [expires, idle] : [expires, comesOfAge(age), idle]
})

export const decodeLifetime = (field: string, input: Duration.Input): Effect.Effect<Duration.Duration, InvalidInput> =>
  Effect.flatMap(decodeDuration(field, input), (duration) =>
    isLifetime(duration)
      ? Effect.succeed(duration)
      : Effect.fail(new InvalidInput({ field, reason: "must be more than 0 and at most 36,500 days" })),
  )
