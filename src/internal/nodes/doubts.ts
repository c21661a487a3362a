/**
 * The records in doubt: a change was sent, and its outcome isn't known yet.
 *
 * A record in doubt is looked up for each request, here and on the nodes that were told. The others are told before a change is sent, as the
 * node may die in between. A doubt ends with the answer. Without an answer the doubt ends when no statement can still be under way. The store
 * bounds its own statements to less than {@link patience}, and tells whether a caller's transaction goes on.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type { ApiKeyId, KeyId } from "../../ApiKey.ts"
import type { RepositoryError } from "../../ApiKeyError.ts"
import * as Message from "./message.ts"

/** A change whose answer isn't known. */
export interface Doubt {
  /**
   * Ends the doubt at once: the change took place for these key ids, or for the record's if `undefined`. Gives the effect that tells the others.
   */
  readonly settleUnsafe: (keyIds: ReadonlyArray<KeyId> | undefined) => Effect.Effect<void>
  /** The answer is waited for, and may never come. */
  readonly waitUnsafe: () => void
  /** The answer is missing, so the change may have taken place. Gives the effect that tells the others. */
  readonly leaveUnsafe: () => Effect.Effect<void>
}

export interface Doubts {
  readonly isEmpty: () => boolean
  readonly has: (id: string) => boolean
  /** Whether one of the changes may let a token work that didn't. */
  readonly mayRevive: () => boolean
  /** Called before the change is sent. A change that `revives` may let a token work that doesn't work yet. */
  readonly begin: (id: ApiKeyId, revives: boolean) => Effect.Effect<Doubt>
  /** Called when a node tells of a change that has begun, or goes on. */
  readonly doubtful: (id: ApiKeyId, change: string, revives: boolean) => void
  /** Called when a node tells of a change that has ended, for these key ids or for the record's. */
  readonly settled: (id: ApiKeyId, change: string, keyIds: ReadonlyArray<string> | undefined) => void
  /** Ends the doubts that stay without an answer. */
  readonly watch: Effect.Effect<never>
}

export interface Dependencies {
  /** The beginning of the names of this node's changes. */
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

/** The wait for a missing answer, in nanoseconds: longer than the store's own statements may take. */
const patience = 30_000_000_000n
/** The interval of telling others meanwhile, as nodes may have joined, or missed the message. */
const tellAgain = 5_000_000_000n
const watchInterval = "1 seconds"
/** The number of other nodes' changes in doubt; beyond that every record is in doubt. */
const capacity = 10_000

interface Change {
  readonly id: ApiKeyId
  readonly change: string
  /** Whether this node makes it. */
  readonly isOwn: boolean
  /** Whether it, or one that it stands for, may let a token work that doesn't. */
  revives: boolean
  /** When it was last told or heard of, in nanoseconds of a clock that nobody sets. */
  toldAt: bigint
  /** Since when its answer is waited for. */
  leftAt: bigint | undefined
}

export const make = Effect.fnUntraced(function* ({ node, listener, tell, isChanging }: Dependencies): Effect.fn.Return<Doubts> {
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  const records = new Map<string, Map<string, Change>>()
  /** The changes that may let a token work, by their names. */
  const reviving = new Set<string>()
  const isDoubting = Latch.makeUnsafe()
  let count = 0
  /** How many changes are in doubt. */
  let size = 0
  /** Until this time more changes are in doubt than fit, so every record is in doubt. */
  let overflowsUntil = 0n
  let isOverflowing = false

  // The monotonic clock can't be set. A clock set back would prolong doubts, and delay telling the others.
  const now = (): bigint => clock.monotonicTimeNanosUnsafe()

  /**
   * Tells the others within a bounded time and without failing, as a channel must not keep changes from ending. The caller's transaction isn't
   * used.
   */
  const say = (message: string): Effect.Effect<void> =>
    tell(message).pipe(
      Effect.timeoutOption("5 seconds"),
      Effect.catchDefect((defect) => Effect.logWarning("Could not tell the other nodes of a change", defect)),
      Effect.asVoid,
      Effect.updateContext(() => context),
    )

  const add = (change: Change): void => {
    const changes = records.get(change.id) ?? new Map<string, Change>()
    records.set(change.id, changes)
    if (!changes.has(change.change)) size++
    changes.set(change.change, change)
    if (change.revives) reviving.add(change.change)
    isDoubting.openUnsafe()
  }
  const remove = ({ id, change }: Pick<Change, "id" | "change">): void => {
    const changes = records.get(id)
    if (changes?.delete(change) === true) size--
    reviving.delete(change)
    if (changes?.size === 0) records.delete(id)
  }
  const isThere = ({ id, change }: Change): boolean => records.get(id)?.has(change) === true

  /** Voids remembered records, and records that are being looked up. */
  const apply = (id: string, keyIds: ReadonlyArray<string> | undefined): void => {
    if (keyIds === undefined) listener.recordChanged(id)
    else keyIds.forEach(listener.changed)
  }

  const endUnsafe = (change: Change, keyIds: ReadonlyArray<KeyId> | undefined): Effect.Effect<void> => {
    apply(change.id, keyIds)
    remove(change)
    return change.isOwn ? say(Message.settled(change.id, change.change, keyIds)) : Effect.void
  }

  const tellUnsafe = (change: Change): Effect.Effect<void> => {
    change.toldAt = now()
    return say(Message.doubtful(change.id, change.change, change.revives))
  }

  const begin = (id: ApiKeyId, revives: boolean): Effect.Effect<Doubt> =>
    Effect.gen(function* () {
      const change: Change = { id, change: `${node}/${++count}`, isOwn: true, revives, toldAt: now(), leftAt: undefined }
      add(change)
      // The write needn't wait for the message. The message of the end waits for this one, as the order counts.
      const telling = yield* Effect.forkDetach(tellUnsafe(change), { startImmediately: true })
      const waitUnsafe = (): void => {
        // The latest doubt without an answer stands for the earlier ones.
        for (const earlier of records.get(id)?.values() ?? []) {
          if (!earlier.isOwn || earlier.leftAt === undefined) continue
          change.revives ||= earlier.revives
          remove(earlier)
        }
        change.leftAt = now()
        add(change)
      }
      return {
        settleUnsafe: (keyIds) => Effect.andThen(Fiber.await(telling), endUnsafe(change, keyIds)),
        waitUnsafe,
        leaveUnsafe: () => {
          waitUnsafe()
          // The change may have taken place, so look-ups under way may have read the old record.
          listener.recordChanged(id)
          return Effect.andThen(Fiber.await(telling), tellUnsafe(change))
        },
      }
    })

  /** A change stays in doubt whose end can't be found out. */
  const mayGoOn = (id: ApiKeyId): Effect.Effect<boolean> =>
    isChanging(id).pipe(
      Effect.timeout("5 seconds"),
      Effect.catchCause(() => Effect.succeed(true)),
    )

  /** A few at a time, as long as they are there. */
  const forAll = (condition: (change: Change) => boolean, each: (change: Change) => Effect.Effect<void>) =>
    Effect.suspend(() =>
      Effect.forEach(
        Array.from(records.values()).flatMap((changes) => Array.from(changes.values()).filter(condition)),
        (change) => Effect.suspend(() => (isThere(change) ? each(change) : Effect.void)),
        { concurrency: 8, discard: true },
      ),
    )

  const isOver = ({ isOwn, leftAt, toldAt }: Change): boolean => {
    const since = isOwn ? leftAt : toldAt
    return since !== undefined && now() - since >= patience
  }
  const endAll = forAll(isOver, (change) =>
    // The node that told of it may be gone, and its transaction not yet.
    Effect.flatMap(mayGoOn(change.id), (goesOn) =>
      goesOn || !isThere(change) || !isOver(change) ? Effect.void : endUnsafe(change, undefined),
    ),
  )
  // In a loop of their own, as others mustn't wait for a database that doesn't answer.
  const tellAll = forAll(({ isOwn, toldAt }) => isOwn && now() - toldAt >= tellAgain, tellUnsafe)
  const settleOverflow = Effect.sync(() => {
    if (isOverflowing && now() >= overflowsUntil) {
      isOverflowing = false
      listener.everythingChanged()
    }
    if (records.size === 0 && !isOverflowing) isDoubting.closeUnsafe()
  })

  const whileDoubting = (turn: Effect.Effect<void>): Effect.Effect<never> =>
    Effect.forever(Effect.andThen(isDoubting.await, Effect.andThen(turn, Effect.sleep(watchInterval))))

  const isOfThisNode = (change: string): boolean => change.startsWith(`${node}/`)

  return {
    isEmpty: () => records.size === 0 && !isOverflowing,
    has: (id) => isOverflowing || records.has(id),
    mayRevive: () => isOverflowing || reviving.size > 0,
    begin,
    doubtful: (id, change, revives) => {
      // This node's own change is known here, or has ended before its message came back.
      if (isOfThisNode(change)) return
      if (size >= capacity && records.get(id)?.has(change) !== true) {
        isOverflowing = true
        overflowsUntil = now() + patience
        isDoubting.openUnsafe()
        return
      }
      add({ id, change, isOwn: false, revives, toldAt: now(), leftAt: undefined })
    },
    settled: (id, change, keyIds) => {
      if (isOfThisNode(change)) return
      apply(id, keyIds)
      remove({ id, change })
    },
    watch: Effect.raceFirst(whileDoubting(tellAll), whileDoubting(Effect.andThen(endAll, settleOverflow))),
  }
})
