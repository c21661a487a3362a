/**
 * Which records may be other than the store says, as a change of them has been sent and it isn't known yet whether it took place.
 *
 * What is in doubt is looked up for each request and not remembered, here and on the nodes that were told. A change is in doubt before it is
 * sent, so a node that dies in between has told the others. It ends with its answer. Without one it ends when no statement can still be under
 * way: the store bounds its own to less than {@link patience}, and says of a caller's transaction whether it goes on.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type { ApiKeyId, KeyId } from "../ApiKey.ts"
import type { RepositoryError } from "../ApiKeyError.ts"
import * as Message from "./invalidationMessage.ts"

/** A change whose answer isn't known. */
export interface Doubt {
  /** It took place for these key ids, or for none. */
  readonly settle: (keyIds: ReadonlyArray<KeyId>) => Effect.Effect<void>
  /** There may be no answer: it is waited for. */
  readonly leave: Effect.Effect<void>
}

export interface Doubts {
  readonly isEmpty: () => boolean
  readonly has: (id: string) => boolean
  /** Called before the change is sent. */
  readonly begin: (id: ApiKeyId) => Effect.Effect<Doubt>
  /** Another node tells of a change that has begun, or goes on. */
  readonly doubtful: (id: string, change: string) => void
  /** Another node tells that it has ended: for these key ids, or for those of the record. */
  readonly settled: (id: string, change: string, keyIds: ReadonlyArray<string> | undefined) => void
  /** Ends what stays without an answer. */
  readonly watch: Effect.Effect<never>
}

export interface Dependencies {
  /** What the changes of this node begin with. */
  readonly node: string
  readonly listener: {
    readonly changed: (keyId: string) => void
    readonly recordChanged: (id: string) => void
    readonly everythingChanged: () => void
  }
  readonly tell: (message: string) => Effect.Effect<void>
  /** Whether a statement that was sent earlier may still change the record. */
  readonly isChanging: (id: ApiKeyId) => Effect.Effect<boolean, RepositoryError>
}

/** How long a change without an answer is waited for, in milliseconds: longer than the store's own statements take at most. */
export const patience = 30_000
/** How often others are told meanwhile: some may have joined, or missed it. */
const tellAgain = 5_000
const watchInterval = 1_000
/** How many records others may have in doubt until all are. */
const capacity = 10_000

interface Change {
  readonly id: string
  readonly change: string
  /** That of this node; `undefined` if it is another's. */
  readonly own: ApiKeyId | undefined
  /** When it was last told or heard of. */
  toldAt: number
  /** Since when no answer is awaited any more. */
  leftAt: number
}

export const make = Effect.fnUntraced(function* ({ node, listener, tell, isChanging }: Dependencies): Effect.fn.Return<Doubts> {
  const clock = yield* Clock.Clock
  const records = new Map<string, Map<string, Change>>()
  const isDoubting = Latch.makeUnsafe()
  let count = 0
  /** While it lies ahead there is more in doubt than fits, and so everything. */
  let overflowsUntil = Number.NEGATIVE_INFINITY
  let isOverflowing = false

  const now = (): number => clock.currentTimeMillisUnsafe()

  const add = (change: Change): void => {
    const changes = records.get(change.id)
    if (changes === undefined) records.set(change.id, new Map([[change.change, change]]))
    else changes.set(change.change, change)
    isDoubting.openUnsafe()
  }
  const remove = (id: string, change: string): boolean => {
    const changes = records.get(id)
    if (changes === undefined || !changes.delete(change)) return false
    if (changes.size === 0) records.delete(id)
    return true
  }

  /** Nothing that was read before is used: neither what was remembered nor what is being looked up. */
  const apply = (id: string, keyIds: ReadonlyArray<string> | undefined): void => {
    if (keyIds === undefined) listener.recordChanged(id)
    else keyIds.forEach(listener.changed)
  }

  const end = ({ id, change }: Change, own: ApiKeyId, keyIds: ReadonlyArray<KeyId> | undefined): Effect.Effect<void> =>
    Effect.suspend(() => {
      apply(id, keyIds)
      remove(id, change)
      return tell(Message.settled(own, change, keyIds))
    })

  const tellOf = (change: Change, own: ApiKeyId): Effect.Effect<void> =>
    Effect.suspend(() => {
      change.toldAt = now()
      return tell(Message.doubtful(own, change.change))
    })

  const begin = (id: ApiKeyId): Effect.Effect<Doubt> =>
    Effect.gen(function* () {
      const change: Change = { id, change: `${node}/${++count}`, own: id, toldAt: now(), leftAt: Number.POSITIVE_INFINITY }
      add(change)
      // The write needn't wait for it. What is told last must come last.
      const telling = yield* Effect.forkDetach(tellOf(change, id), { startImmediately: true })
      return {
        settle: (keyIds) => Effect.andThen(Fiber.await(telling), end(change, id, keyIds)),
        leave: Effect.suspend(() => {
          change.leftAt = now()
          // It may have taken place, and look-ups that are under way may have read what was before.
          listener.recordChanged(id)
          return Effect.andThen(Fiber.await(telling), tellOf(change, id))
        }),
      }
    })

  /** What can't be found out stays in doubt. */
  const mayGoOn = (id: ApiKeyId): Effect.Effect<boolean> =>
    isChanging(id).pipe(
      Effect.timeout("5 seconds"),
      Effect.catchCause(() => Effect.succeed(true)),
    )

  const watchOwn = (change: Change, own: ApiKeyId): Effect.Effect<void> =>
    Effect.gen(function* () {
      if (now() - change.leftAt >= patience && !(yield* mayGoOn(own))) return yield* end(change, own, undefined)
      if (now() - change.toldAt >= tellAgain) yield* tellOf(change, own)
    })

  const watchAll = Effect.suspend(() => {
    const isOver = (change: Change): boolean => change.own === undefined && now() - change.toldAt >= patience
    const all = Array.from(records.values()).flatMap((changes) => Array.from(changes.values()))
    const over = all.filter(isOver)
    for (const { id, change } of over) remove(id, change)
    if (over.length > 10) listener.everythingChanged()
    else over.forEach(({ id }) => listener.recordChanged(id))
    if (isOverflowing && now() >= overflowsUntil) {
      isOverflowing = false
      listener.everythingChanged()
    }
    if (records.size === 0 && !isOverflowing) isDoubting.closeUnsafe()
    return Effect.forEach(all, (change) => (change.own === undefined ? Effect.void : watchOwn(change, change.own)), {
      concurrency: 8,
      discard: true,
    })
  })

  const isOwn = (change: string): boolean => change.startsWith(`${node}/`)

  return {
    isEmpty: () => records.size === 0 && !isOverflowing,
    has: (id) => isOverflowing || records.has(id),
    begin,
    doubtful: (id, change) => {
      // It is known here, or has ended before its message came back.
      if (isOwn(change)) return
      if (records.size >= capacity && !records.has(id)) {
        isOverflowing = true
        overflowsUntil = now() + patience
        isDoubting.openUnsafe()
        return
      }
      add({ id, change, own: undefined, toldAt: now(), leftAt: Number.POSITIVE_INFINITY })
    },
    settled: (id, change, keyIds) => {
      if (isOwn(change)) return
      apply(id, keyIds)
      remove(id, change)
    },
    watch: Effect.forever(Effect.andThen(isDoubting.await, Effect.andThen(watchAll, Effect.sleep(watchInterval)))),
  }
})
