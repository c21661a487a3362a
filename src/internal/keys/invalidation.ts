/** The first listener of changes: each change of a record voids what this node and the others remember of it. */
import * as Effect from "effect/Effect"
import * as Model from "../../ApiKey.ts"
import type { ApiKeyEvent } from "../../ApiKeyEvents.ts"
import type { Doubts } from "../nodes/doubts.ts"
import * as Message from "../nodes/message.ts"

/** The record is unchanged, and is looked up again all the same. */
export interface KeyUnchanged {
  readonly _tag: "KeyUnchanged"
  readonly id: Model.ApiKeyId
  readonly keyIds: ReadonlyArray<Model.KeyId>
}

export type Outcome = ApiKeyEvent | KeyUnchanged

/** The records that a change may be of. */
export interface Scope {
  /** Existing records, in doubt from before the write until its answer. */
  readonly records: ReadonlyArray<Model.ApiKeyId>
  /** Records that the change may insert. */
  readonly inserts: ReadonlyArray<Model.ApiKey>
  /** Whether the change may let a token work that doesn't work yet. */
  readonly revives: boolean
}

/** A change whose answer isn't known. Each method ends the change here at once, and gives the effect that tells the other nodes. */
export interface Pending {
  /** The store refused the change and gave the reason. */
  readonly refusedUnsafe: () => Effect.Effect<void>
  /** The answer is missing, so the change may have taken place. */
  readonly failedUnsafe: () => Effect.Effect<void>
  /** The change took place. */
  readonly committedUnsafe: (outcomes: ReadonlyArray<Outcome>) => Effect.Effect<void>
  /** The caller's transaction was committed although the change failed within. */
  readonly committedUnknownUnsafe: () => Effect.Effect<void>
  /** The commit of the caller's transaction is waited for, and may never come. Records that it inserts are seen within it already. */
  readonly waitUnsafe: (outcomes: ReadonlyArray<Outcome> | undefined) => void
}

export interface Invalidation {
  readonly begin: (scope: Scope) => Effect.Effect<Pending>
}

export interface Dependencies {
  readonly doubts: Pick<Doubts, "begin">
  /** Voids what this node remembers of the key id. */
  readonly changed: (keyId: Model.KeyId) => void
  readonly everythingChanged: () => void
  /** Tells the other nodes. */
  readonly tell: (message: string) => Effect.Effect<void>
}

export const make = ({ doubts, changed, everythingChanged, tell }: Dependencies): Invalidation => ({
  begin: ({ records, inserts, revives }) =>
    Effect.map(
      Effect.forEach(records, (id) => Effect.map(doubts.begin(id, revives), (doubt) => ({ id, doubt }))),
      (begun): Pending => {
        const ids = new Set<string>(records)
        const settleUnsafe = (keyIdsOf: (id: Model.ApiKeyId) => ReadonlyArray<Model.KeyId> | undefined) =>
          begun.map(({ id, doubt }) => doubt.settleUnsafe(keyIdsOf(id)))
        // A refusal of these key ids may be remembered from before the commit. Formats with foreseeable tokens allow such refusals at any time.
        const noticeInserts = () => inserts.forEach((apiKey) => Model.keyIdsOf(apiKey).forEach(changed))

        return {
          refusedUnsafe: () => tellAll(settleUnsafe(() => [])),
          failedUnsafe: () => {
            noticeInserts()
            // `leaveUnsafe` looks through all that is remembered, once for each doubt.
            if (begun.length <= maxLookedThrough) return tellAll(begun.map(({ doubt }) => doubt.leaveUnsafe()))
            begun.forEach(({ doubt }) => doubt.waitUnsafe())
            everythingChanged()
            return Effect.void
          },
          committedUnsafe: (outcomes) => {
            const keyIds = new Map<string, ReadonlyArray<Model.KeyId>>()
            for (const outcome of outcomes) if (outcome._tag !== "KeysUsed") keyIds.set(outcome.id, outcome.keyIds)
            // A message for each imported key is too many. Other nodes learn that there are some, as their tokens may have no seal.
            const hasImported = outcomes.some(({ _tag }) => _tag === "KeyImported")
            const telling = settleUnsafe((id) => (hasImported ? undefined : (keyIds.get(id) ?? [])))
            for (const outcome of outcomes) {
              if ((!isNew(outcome) && outcome._tag !== "GraceSettled") || ids.has(outcome.id)) continue
              outcome.keyIds.forEach(changed)
              // Where no trigger tells of them, refusals of imported keys grow too old.
              if (outcome._tag !== "KeyImported") telling.push(...outcome.keyIds.map((keyId) => tell(Message.changed(keyId))))
            }
            return tellAll(telling)
          },
          committedUnknownUnsafe: () => {
            noticeInserts()
            return tellAll(settleUnsafe(() => undefined))
          },
          waitUnsafe: (outcomes) => {
            begun.forEach(({ doubt }) => doubt.waitUnsafe())
            if (outcomes === undefined) return noticeInserts()
            for (const outcome of outcomes) if (isNew(outcome)) outcome.keyIds.forEach(changed)
          },
        }
      },
    ),
})

const maxLookedThrough = 16

const isNew = (outcome: Outcome) => outcome._tag === "KeyCreated" || outcome._tag === "KeyImported"

const tellAll = (telling: ReadonlyArray<Effect.Effect<void>>): Effect.Effect<void> => {
  const [first = Effect.void] = telling
  // Most changes are of one record, which needs no fibers.
  return telling.length < 2 ? first : Effect.forEach(telling, (tell) => tell, { concurrency: 16, discard: true })
}
