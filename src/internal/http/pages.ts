/** Pages of a server, read one after the other. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ApiKey } from "../../ApiKey.ts"
import type { Upcoming } from "../../ApiKeys.ts"

interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly nextCursor: string | null
}

interface Options<A, E, E2> {
  /** The page at a cursor, which is empty for the first one. */
  readonly read: (cursor: string) => Effect.Effect<Page<A>, E>
  /** Whether an item comes after another one in the order of the pages. */
  readonly isAfter: (item: A, other: A) => boolean
  readonly fail: (reason: string) => E2
}

/**
 * All items, by cursor. Each page must end further on than the page before. A proxy that drops the query gives the same page again, and a client
 * would read for ever.
 */
export const readPages = <A, E, E2>({ read, isAfter, fail }: Options<A, E, E2>): Stream.Stream<A, E | E2> =>
  Stream.paginate({ cursor: "", end: undefined as A | undefined }, ({ cursor, end }) =>
    Effect.flatMap(read(cursor), ({ items, nextCursor }) => {
      const last = items.at(-1)
      if (nextCursor === null) return Effect.succeed([items, Option.none()] as const)
      return last === undefined || (end !== undefined && !isAfter(last, end))
        ? Effect.fail(fail("pages that don't go on"))
        : Effect.succeed([items, Option.some({ cursor: nextCursor, end: last })] as const)
    }),
  )

const isEarlier = (instant: number, id: string, other: number, otherId: string): boolean =>
  instant === other ? id < otherId : instant < other

/** By creation, keys of the same instant by id. */
export const isNewer = (key: ApiKey, other: ApiKey): boolean =>
  isEarlier(other.createdAt.epochMilliseconds, other.id, key.createdAt.epochMilliseconds, key.id)

const ranks: Readonly<Record<Upcoming["reason"], number>> = { expires: 0, comesOfAge: 1, idle: 2 }

/** Expiring keys come before keys that come of age, and those before keys that become idle, each group by time. */
export const isLater = (one: Upcoming, other: Upcoming): boolean =>
  one.reason === other.reason
    ? isEarlier(other.at.epochMilliseconds, other.apiKey.id, one.at.epochMilliseconds, one.apiKey.id)
    : ranks[one.reason] > ranks[other.reason]
