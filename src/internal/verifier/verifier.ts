/**
 * Verifies tokens in two ways. The cold way is the specification, and the only way with the cache off. It reads the credential, looks its
 * record up, checks the hash, and judges. The warm way gives the same answer from memory, in one pass. It allocates nothing but its answer:
 * no parsing, decoding, span or generator.
 *
 * A cold token goes through this file, then `credential`, `flights`, `lookUp`, `memory` (which keeps the record) and `judge`.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { KeyId } from "../../ApiKey.ts"
import type { HasherError, InvalidSecret, NotFound, VerifyError } from "../../ApiKeyError.ts"
import type { ApiKeyHasher } from "../../ApiKeyHasher.ts"
import type { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import type * as ApiKeyToken from "../../ApiKeyToken.ts"
import type { KeyPolicy } from "../../KeyPolicy.ts"
import type { LegacyTokens } from "../../LegacyTokens.ts"
import type { Doubts } from "../nodes/doubts.ts"
import { toMillis } from "../time/millis.ts"
import type { Settings } from "./cacheSettings.ts"
import type { Counts } from "./counts.ts"
import * as Credentials from "./credential.ts"
import type { Entry, Found } from "./entry.ts"
import * as Flights from "./flights.ts"
import type { HashQueue } from "./hashQueue.ts"
import * as Judge from "./judge.ts"
import type { LastUsed } from "./lastUsed.ts"
import * as LookUp from "./lookUp.ts"
import * as Memory from "./memory.ts"
import type { Verified, VerifyOptions } from "./model.ts"
import * as Plans from "./plan.ts"
import type { Recall } from "./recall.ts"
import type { Rehash } from "./rehash.ts"
import { type Standing, type Standings, unsealed } from "./standing.ts"
import type { Strangers } from "./strangers.ts"

export interface Verifier {
  readonly verify: (token: string | Redacted.Redacted, options?: VerifyOptions) => Effect.Effect<Verified, VerifyError>
  /**
   * Proves by the store itself that somebody holds a token of a key that works. This doesn't count as a use. So the key's policies and
   * meters, which bound uses, aren't asked.
   */
  readonly prove: (token: string | Redacted.Redacted) => Effect.Effect<Verified, VerifyError>
  /** The answer of `verify` in a fiber of the context, if memory alone can say that the token is good. */
  readonly recall: Recall
  readonly isToken: (token: string | Redacted.Redacted) => boolean
  readonly keyIdsOf: (token: string | Redacted.Redacted) => ReadonlyArray<KeyId>
  /** Called when the key has changed. Nothing that is remembered of it is used any more. */
  readonly changed: (keyId: string) => void
  /** Called when the record has changed, under any key id by which it is remembered. */
  readonly recordChanged: (id: string) => void
  readonly everythingChanged: () => void
  /**
   * Sets the span (in milliseconds, its end exclusive) in which changes are sure to be heard. Outside of it the store is asked each time.
   */
  readonly trust: (from: number, until: number) => void
  /** Notices when the wall clock is set back, which would prolong remembered answers. */
  readonly watchClock: Effect.Effect<never>
  readonly cacheSize: () => number
}

export interface Dependencies {
  readonly repository: ApiKeyRepository["Service"]
  readonly hasher: ApiKeyHasher["Service"]
  /** The scheme of the hashes that the hasher makes now. */
  readonly currentScheme: Effect.Effect<string, HasherError>
  readonly hashQueue: HashQueue
  /** The hash that is checked when there is no record. So an unknown key id costs as much as a wrong secret. */
  readonly decoy: { readonly secret: Redacted.Redacted; readonly hash: Redacted.Redacted }
  readonly format: ApiKeyToken.TokenFormat
  readonly cache: Settings
  readonly lastUsed: LastUsed
  readonly counts: Counts
  /** Other systems whose tokens are taken too. */
  readonly legacy: ReadonlyArray<Pick<LegacyTokens, "parse" | "verify" | "isExact">>
  /** The greatest age of a token, in milliseconds. */
  readonly maximumAge: number
  /** The kinds of policies that this node knows. */
  readonly policies: ReadonlyArray<KeyPolicy>
  /** The policies of keys without one of the same kind; `null` for none. */
  readonly defaults: Schema.JsonObject | null
  readonly rehash: Rehash
  /** Tells tokens with a good seal from others, or `undefined` where tokens bear no seals. */
  readonly standings: Standings | undefined
  readonly strangers: Strangers
  /** The records that may be changing. The store's answers about them are neither kept nor shared. */
  readonly doubts: Pick<Doubts, "isEmpty" | "has">
}

export const make = (dependencies: Dependencies): Verifier => {
  const { repository, counts, doubts, standings } = dependencies
  const credentials = Credentials.make(dependencies)
  const memory = Memory.make({ ...dependencies, settings: dependencies.cache, credentials })
  const lookUp = LookUp.make({ ...dependencies, memory, plans: Plans.make(dependencies) })
  const flights = Flights.make({ lookUp, memory, doubts })
  const { judge, judgeKept, grantKept, judgeStanding, refuse } = Judge.make(dependencies)

  /** A record that is read in a transaction may be undone, so it is neither kept nor shared. */
  const isPrivate = (context: Context.Context<never>): boolean => repository.transaction?.isOpen(context) === true

  const verify = (
    token: string | Redacted.Redacted,
    options: VerifyOptions | undefined,
    judge: Judge.Judgement,
  ): Effect.Effect<Verified, VerifyError> =>
    Effect.withFiber(({ context }) => {
      const text = Credentials.textOf(token)
      const now = Context.get(context, Clock.Clock).currentTimeMillisUnsafe()
      // A value that is no duration asks the store, as 0 does.
      const maxAge = options?.maxAge === undefined ? Number.POSITIVE_INFINITY : toMillis(options.maxAge) || 0
      const keyId = credentials.keyIdAt(text)
      const kept = keyId === undefined ? undefined : memory.at(keyId)
      // The digest of a token that is kept proves its checksum too.
      if (kept !== undefined) return recall(text, true, keyId, kept, undefined, now, maxAge, options, judge, context)
      const isOwn = keyId !== undefined && credentials.isOwn(text)
      if (standings === undefined || !isOwn) return recall(text, isOwn, keyId, undefined, undefined, now, maxAge, options, judge, context)
      return withStanding(standings, text, keyId, now, context, (standing) =>
        recall(text, true, keyId, undefined, standing, now, maxAge, options, judge, context),
      )
    })

  const refuseUnsealed = (): Exit.Exit<never, VerifyError> => {
    counts.failures[unsealed._tag]++
    return refusedAsUnsealed
  }

  const withStanding = (
    standings: Standings,
    text: string,
    keyId: string,
    now: number,
    context: Context.Context<never>,
    next: (standing: Standing) => Effect.Effect<Verified, VerifyError>,
  ): Effect.Effect<Verified, VerifyError> => {
    const go = (standing: Standing | "refused") => {
      if (standing !== "refused") return next(standing)
      return standings.followsData && isPrivate(context) ? next("stranger") : refuseUnsealed()
    }
    const standing = standings.of(text, keyId, now)
    if (standing !== undefined) return go(standing)
    return Effect.flatMap(standings.readRing(now), () => go(standings.of(text, keyId, now) ?? "stranger"))
  }

  /** Answers from memory, or looks up. */
  const recall = (
    text: string,
    isOwn: boolean,
    keyId: string | undefined,
    kept: Entry | undefined,
    standing: Standing | undefined,
    now: number,
    maxAge: number,
    options: VerifyOptions | undefined,
    judge: Judge.Judgement,
    context: Context.Context<never>,
  ): Effect.Effect<Verified, VerifyError> => {
    const digest = memory.digestOf(text, isOwn)
    if (digest !== undefined) {
      const entry = memory.find(digest, keyId, kept, now, maxAge)
      const answer = entry === undefined ? undefined : judgeKept(entry, now, options)
      if (answer !== undefined) {
        counts.hits++
        return answer
      }
      const refusal = maxAge === Number.POSITIVE_INFINITY ? memory.findRefusal(digest, now) : undefined
      if (refusal !== undefined) {
        counts.hits++
        return refuse(refusal)
      }
    }
    const read = credentials.read(text)
    if (Result.isFailure(read)) return refuse(read.failure)
    const [first] = read.success
    const look = (standing: Standing | undefined) => verifyCold(read.success, standing, digest, now, maxAge, options, judge, context)
    if (standings === undefined || standing !== undefined) return look(standing)
    // A token of another system has no seal.
    if (first === undefined || !first.isOwn) return look("stranger")
    return withStanding(standings, text, first.keyId, now, context, look)
  }

  const verifyCold = (
    candidates: ReadonlyArray<Credentials.Credential>,
    standing: Standing | undefined,
    digest: string | undefined,
    now: number,
    maxAge: number,
    options: VerifyOptions | undefined,
    judge: Judge.Judgement,
    context: Context.Context<never>,
  ): Effect.Effect<Verified, VerifyError> => {
    counts.misses++
    const isAlone = isPrivate(context)
    // A transaction holds a connection. Its look-up must not wait for others that may wait for a connection.
    const place = isAlone && standing === "stranger" ? undefined : standing
    const find: Find = (credential) =>
      digest === undefined || isAlone
        ? lookUp(credential, place, undefined, context)
        : flights.board(credential, standing, digest, now, maxAge, context)
    const [first] = candidates
    const found = first !== undefined && first.isOwn ? find(first) : findAmong(candidates, isAlone ? undefined : digest, now, find, isAlone)
    const clock = Context.get(context, Clock.Clock)
    return Effect.matchEffect(found, {
      onFailure: refuse,
      onSuccess: (found) => judge(found, clock.currentTimeMillisUnsafe(), options),
    })
  }

  /**
   * Looks for all records whose token the text may be, together as far as the store can. The text is refused only if all of them refuse it.
   * Then the refusal is remembered.
   */
  const findAmong = Effect.fnUntraced(function* (
    candidates: ReadonlyArray<Credentials.Credential>,
    digest: string | undefined,
    now: number,
    find: Find,
    isAlone: boolean,
  ): Effect.fn.Return<Found, LookUp.LookUpError> {
    const keyIds = candidates.map(({ keyId }) => keyId)
    const generation = memory.generations.ofAll(keyIds)
    const outcomes = yield* Effect.forEach(
      candidates,
      (credential) =>
        Effect.matchEffect(find(credential), {
          onSuccess: (found) => Effect.succeed({ found, keyId: credential.keyId }),
          onFailure: (error) => (isAboutOne(error) ? Effect.succeed(error) : Effect.fail(error)),
        }),
      // A transaction has one connection.
      { concurrency: isAlone ? 1 : "unbounded" },
    )
    let refusal: NotFound | InvalidSecret | undefined
    let failure: HasherError | undefined
    for (const outcome of outcomes) {
      if ("found" in outcome) {
        if (digest !== undefined) memory.keepKeyId(digest, outcome.keyId)
        return outcome.found
      }
      if (outcome._tag === "HasherError") failure = outcome
      // The refusal by a record says more than a missing record.
      else if (refusal?._tag !== "InvalidSecret") refusal = outcome
    }
    if (failure !== undefined) return yield* failure
    // There is a candidate, and each was refused.
    const error = refusal!
    if (digest !== undefined && memory.trust.isInTouch(now)) memory.keepRefusal(digest, error, keyIds, generation, now)
    return yield* error
  })

  const grantAtOnce: Recall = (text, options, context) => {
    const keyId = credentials.keyIdAt(text)
    const kept = keyId === undefined ? undefined : memory.at(keyId)
    const digest = kept === undefined ? undefined : memory.digestOf(text, true)
    if (digest === undefined) return undefined
    const now = Context.get(context, Clock.Clock).currentTimeMillisUnsafe()
    const entry = memory.find(digest, keyId, kept, now, Number.POSITIVE_INFINITY)
    const verified = entry === undefined ? undefined : grantKept(entry, now, options)
    if (verified !== undefined) counts.hits++
    return verified
  }

  const keyIdsOf: Verifier["keyIdsOf"] = (token) =>
    Result.match(credentials.read(Credentials.textOf(token)), {
      onSuccess: (read) => read.map(({ keyId }) => keyId),
      onFailure: () => [],
    })

  return {
    verify: (token, options) => verify(token, options, judge),
    recall: grantAtOnce,
    prove: (token) => verify(token, { maxAge: 0, countsAsUse: false }, judgeStanding),
    isToken: (token) => keyIdsOf(token).length > 0,
    keyIdsOf,
    changed: memory.changed,
    recordChanged: memory.recordChanged,
    everythingChanged: memory.everythingChanged,
    trust: memory.trust.trust,
    watchClock: memory.trust.watchClock,
    cacheSize: memory.size,
  }
}

/** One value for all, so that a flood of invented tokens allocates none. */
const refusedAsUnsealed = Exit.fail(unsealed)

type Find = (credential: Credentials.Credential) => Effect.Effect<Found, LookUp.LookUpError>

/** Whether the failure of one candidate says nothing of another. */
const isAboutOne = (error: LookUp.LookUpError): error is NotFound | InvalidSecret | HasherError =>
  error._tag === "NotFound" || error._tag === "InvalidSecret" || error._tag === "HasherError"
