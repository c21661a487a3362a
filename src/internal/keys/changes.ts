/**
 * The one way for every change: commits it, and hands its outcome to the listeners.
 *
 * Invalidation is the first listener. Changes about to be written, and changes without an answer, are told to invalidation alone. The
 * application's listeners hear of changes that took place, in the transaction or after the commit.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { ApiKey, ApiKeyId } from "../../ApiKey.ts"
import { RepositoryError } from "../../ApiKeyError.ts"
import { type Actor, type ApiKeyEvent, CurrentActor, listeners as takeListeners } from "../../ApiKeyEvents.ts"
import type { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import type { Invalidation, Outcome, Pending } from "./invalidation.ts"

/** A change that is about to be written. */
export interface Change<A> {
  /**
   * The record that is changed. The record is in doubt from before the write until its answer, and is read for the listeners. The change goes on
   * when its caller gives up, so every change that takes place is told. A change in the caller's transaction ends with the transaction.
   */
  readonly record?: ApiKeyId | undefined
  /** Records that may change along with many others. The records are in doubt too. */
  readonly records?: ReadonlyArray<ApiKeyId> | undefined
  /** Records that may be inserted. */
  readonly inserts?: ReadonlyArray<ApiKey> | undefined
  /** Whether the change may let a token work that is in use elsewhere and doesn't work yet. Default: no. */
  readonly revives?: boolean | undefined
  /**
   * Whether it makes a token. In a transaction of the caller's, the caller has the token before the commit, whose answer may be lost: then the records
   * that may be inserted are in doubt too, and the change revives. Default: no.
   */
  readonly issues?: boolean | undefined
  /** The record as it was, where the write reads it anyway. */
  readonly before?: ((written: A) => ApiKey | null) | undefined
  /** The outcomes of the write. */
  readonly outcomes: (written: A, known: Known) => ReadonlyArray<Outcome>
}

export interface Known {
  readonly actor: Actor
  readonly before: ApiKey | null
}

export interface Changes {
  readonly commit: <A, E extends { readonly _tag: string }>(
    change: Change<A>,
    write: Effect.Effect<A, E>,
  ) => Effect.Effect<A, E | RepositoryError>
}

/** How long a listener in the transaction may take: less than a change without an answer is in doubt. */
const longestInTransaction = "10 seconds"
/** How long a change waits for the listeners after its commit. */
const longestAfterCommit = "1 second"

export const make = Effect.fnUntraced(function* (
  repository: Pick<ApiKeyRepository["Service"], "transaction" | "findById">,
  invalidation: Invalidation,
): Effect.fn.Return<Changes, never, Scope.Scope> {
  const { transaction } = repository
  const listeners = yield* takeListeners
  const inTransaction = listeners.flatMap(({ inTransaction }) => inTransaction ?? [])
  const deliver = yield* makeDeliver(listeners.flatMap(({ afterCommit }) => afterCommit ?? []))

  /** The record before the change, which stays so until it is written. */
  const readBefore = Effect.fnUntraced(function* (id: ApiKeyId | undefined) {
    if (id === undefined) return null
    if (transaction?.lock !== undefined) return Option.getOrNull(yield* transaction.lock(id))
    return Option.getOrNull(yield* repository.findById(id))?.apiKey ?? null
  })

  const conclude = <A>(change: Change<A>, written: A, actor: Actor, read: ApiKey | null): Written<A> => ({
    written,
    refusal: Exit.void,
    outcomes: change.outcomes(written, { actor, before: read ?? change.before?.(written) ?? null }),
  })

  /** Writes, and tells the listeners within the transaction. */
  const writeHeard = <A, E>(
    change: Change<A>,
    write: Effect.Effect<A, E>,
    actor: Actor,
    undone: Undone,
  ): Effect.Effect<Written<A>, E | RepositoryError> => {
    if (inTransaction.length === 0) return Effect.map(write, (written) => conclude(change, written, actor, null))
    const writing = Effect.gen(function* () {
      const before = yield* readBefore(change.record)
      return conclude(change, yield* write, actor, before)
    })
    const hear = ({ outcomes }: Written<A>): ReadonlyArray<Effect.Effect<void, RepositoryError>> => {
      const events = outcomes.filter(isEvent)
      return events.length === 0 ? [] : inTransaction.map((listen) => bounded(Effect.suspend(() => listen(events))))
    }
    // Without transactions the change can't be undone: all listeners hear of the change. The call fails with the first listener's failure.
    if (transaction === undefined) {
      return Effect.flatMap(writing, (written) =>
        Effect.map(Effect.forEach(hear(written), Effect.exit), (exits) => ({
          ...written,
          refusal: exits.find(Exit.isFailure) ?? Exit.void,
        })),
      )
    }
    const noteFailure = (cause: Cause.Cause<unknown>) => Effect.sync(() => undone.note(cause))
    const heard = Effect.tap(writing, (written) => Effect.all(hear(written), { discard: true }))
    return transaction.run(Effect.tapCause(heard, noteFailure))
  }

  return {
    commit: (change, write) =>
      Effect.contextWith((context: Context.Context<never>) => {
        const { record, inserts = [] } = change
        const isOpen = transaction?.isOpen(context) === true
        const isOut = isOpen && change.issues === true
        const { records = isOut ? inserts.map(({ id }) => id) : [], revives = isOut } = change
        let telling: Effect.Effect<unknown> = Effect.void
        const undone = makeUndone()

        /** Starts the delivery to the listeners, and gives what waits for it and tells the other nodes. */
        const tell = (others: Effect.Effect<void>, outcomes: ReadonlyArray<Outcome>): Effect.Effect<Effect.Effect<unknown>> =>
          Effect.map(deliver(outcomes.filter(isEvent)), (delivered) => Effect.andThen(others, delivered))

        /** Applies the outcome here at once. Other nodes hear of it afterwards, where the caller can be interrupted. */
        const conclude = (pending: Pending, exit: Exit.Exit<Written<unknown>, { readonly _tag: string }>): Effect.Effect<void> => {
          const outcomes = Exit.isSuccess(exit) ? exit.value.outcomes : undefined
          if (Exit.isFailure(exit) && isRefused(exit.cause, undone)) {
            const settled = pending.refusedUnsafe()
            if (isOpen) return settled
            telling = settled
            return Effect.void
          }
          if (!isOpen || transaction === undefined) {
            const told = outcomes === undefined ? tell(pending.failedUnsafe(), []) : tell(pending.committedUnsafe(outcomes), outcomes)
            return Effect.map(told, (effect) => void (telling = effect))
          }
          // The commit's answer may be lost, and a rollback tells nothing.
          pending.waitUnsafe(outcomes)
          return transaction.afterCommit(
            Effect.suspend(() =>
              outcomes === undefined
                ? pending.committedUnknownUnsafe()
                : // The listeners have it in order; of many changes in one transaction each would wait for its own.
                  Effect.flatMap(tell(pending.committedUnsafe(outcomes), outcomes), (told) =>
                    Effect.asVoid(Effect.forkDetach(told, { startImmediately: true })),
                  ),
            ),
          )
        }

        const committing = Effect.acquireUseRelease(
          invalidation.begin({ records: record === undefined ? records : [record], inserts, revives }),
          () => writeHeard(change, write, Context.get(context, CurrentActor), undone),
          (pending, exit) => Effect.suspend(() => conclude(pending, exit)),
        )
        const told = Effect.flatMap(Effect.exit(committing), (exit) =>
          Effect.andThen(
            telling,
            Effect.flatMap(exit, ({ written, refusal }) => Effect.as(refusal, written)),
          ),
        )
        return isOpen || record === undefined ? told : Effect.flatMap(Effect.forkDetach(told, { startImmediately: true }), Fiber.join)
      }),
  }
})

interface Written<A> {
  readonly written: A
  readonly outcomes: ReadonlyArray<Outcome>
  /** The failure of a listener that couldn't undo the change. */
  readonly refusal: Exit.Exit<void, RepositoryError>
}

/**
 * The failures within a transaction. `TransactionSupport.run` passes one on if the transaction was rolled back, and has one of its own otherwise.
 */
interface Undone {
  readonly note: (cause: Cause.Cause<unknown>) => void
  readonly has: (reason: Cause.Reason<unknown>) => boolean
}

const makeUndone = (): Undone => {
  const failures = new Set<unknown>()
  return {
    note: (cause) => cause.reasons.forEach((reason) => failures.add(failureOf(reason))),
    has: (reason) => !Cause.isInterruptReason(reason) && failures.has(failureOf(reason)),
  }
}

const failureOf = (reason: Cause.Reason<unknown>): unknown =>
  Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : reason

const isEvent = (outcome: Outcome): outcome is ApiKeyEvent => outcome._tag !== "KeyUnchanged"

/** Whether a write certainly didn't take place: the store gave a reason, or the transaction was rolled back. */
const isRefused = (cause: Cause.Cause<{ readonly _tag: string }>, undone: Undone): boolean =>
  cause.reasons.every((reason) => (Cause.isFailReason(reason) && reason.error._tag !== "RepositoryError") || undone.has(reason))

/** A listener that hangs would leave its transaction open, and the change in doubt. */
const bounded = (listening: Effect.Effect<void, RepositoryError>): Effect.Effect<void, RepositoryError> =>
  Effect.timeoutOrElse(listening, {
    duration: longestInTransaction,
    orElse: () =>
      Effect.fail(
        new RepositoryError({ operation: "tell a listener of a change", isRetryable: true, cause: "The listener takes too long" }),
      ),
  })

type Deliver = (events: ReadonlyArray<ApiKeyEvent>) => Effect.Effect<Effect.Effect<unknown>>

/**
 * Tells the listeners of changes one after another, although their callers give up. The resulting effect waits for the listeners, for a second
 * at most. A listener that isn't told in time misses the change.
 */
const makeDeliver = Effect.fnUntraced(function* (
  listeners: ReadonlyArray<(events: ReadonlyArray<ApiKeyEvent>) => Effect.Effect<void>>,
): Effect.fn.Return<Deliver, never, Scope.Scope> {
  if (listeners.length === 0) return () => Effect.succeed(Effect.void)
  const turns = Semaphore.makeUnsafe(1)
  // A listener that can't be interrupted isn't waited for either.
  const timely = (listening: Effect.Effect<void>, late: Effect.Effect<void>) =>
    Effect.flatMap(Effect.forkDetach(listening, { startImmediately: true }), (fiber) =>
      Effect.flatMap(Effect.timeoutOption(Fiber.await(fiber), longestAfterCommit), (heard) =>
        Option.isSome(heard)
          ? Effect.void
          : Effect.andThen(
              Effect.sync(() => fiber.interruptUnsafe()),
              late,
            ),
      ),
    )
  // A defect of one listener doesn't reach the others.
  const safely = (events: ReadonlyArray<ApiKeyEvent>, listening: Effect.Effect<void>) =>
    Effect.catchCause(listening, (cause) => Effect.logError(`A listener of API keys failed to hear of ${outlineOf(events)}`, cause))
  const hear = (events: ReadonlyArray<ApiKeyEvent>) =>
    Effect.forEach(
      listeners,
      (listen) =>
        safely(
          events,
          Effect.suspend(() => listen(events)),
        ),
      {
        concurrency: "unbounded",
        discard: true,
      },
    ).pipe(Effect.provideService(IsListening, true))
  const hearTimely = (events: ReadonlyArray<ApiKeyEvent>) =>
    timely(
      turns.withPermit(hear(events)),
      Effect.logWarning(`The listeners of API keys take too long: they were interrupted, and may not have heard of ${outlineOf(events)}`),
    )

  // Changes that are being heard of are waited for.
  yield* Effect.addFinalizer(() => timely(turns.withPermit(Effect.void), Effect.void))
  return (events) =>
    events.length === 0
      ? Effect.succeed(Effect.void)
      : Effect.flatMap(IsListening, (isListening) =>
          // A listener that changes a key has the turn that the delivery of its own change waits for.
          Effect.map(Effect.forkDetach(hearTimely(events), { startImmediately: true }), (fiber) =>
            isListening ? Effect.void : Fiber.await(fiber),
          ),
        )
})

/** The first of the lost events and the number of the others, for a log. A key id is no secret. */
const outlineOf = ([first, ...others]: ReadonlyArray<ApiKeyEvent>): string => {
  if (first === undefined) return "nothing"
  const keyIds = first._tag === "KeysUsed" ? first.uses.map(({ keyId }) => keyId) : first.keyIds
  const moreKeys = first._tag === "KeysUsed" && keyIds.length > 1 ? ` and ${keyIds.length - 1} more` : ""
  return `${first._tag} of ${keyIds[0]}${moreKeys}${others.length === 0 ? "" : `, and ${others.length} more events`}`
}

/** Whether a change is made by a listener that is being told of another one. */
const IsListening = Context.Reference<boolean>("effect-api-key/keys/IsListening", { defaultValue: () => false })
