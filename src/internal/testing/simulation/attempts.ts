/** Draws the verifications of a simulated history, and judges each answer by the least knowledge of the node. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { KeyId } from "../../../ApiKey.ts"
import type { VerifyError } from "../../../ApiKeyError.ts"
import type * as ApiKeys from "../../../ApiKeys.ts"
import type { Episode } from "./episode.ts"
import {
  answerOf,
  type Attempt,
  describe,
  type History,
  isOver,
  lastOf,
  lastThere,
  type State,
  tellAttempt,
  type Token,
  usedTokenOf,
} from "./model.ts"
import { believed } from "./seals.ts"
import type { SimulatedNode, World } from "./world.ts"

/**
 * The oldest knowledge that a verification may answer by. Times are in milliseconds of the simulation's clock. No node's clock is behind that
 * clock.
 */
export interface Bound {
  /** The earliest moment at which the state of the answer may have ended. */
  readonly moment: number
  /** The earliest time at which the state of the answer may have ended. */
  readonly millis: number
  /** The same bound for refusals, which are forgotten sooner. */
  readonly refusalMillis: number
  /** The time at which the verification began. */
  readonly startedAt: number
  /** The moment at which the verification began. */
  readonly started: number
  /** The time from which on records that were read may be used. */
  readonly trustedSince: number
  /** Whether the node must ask the store: for a `maxAge` of 0, or out of touch with the others. */
  readonly mustAsk: boolean
  readonly isInTouch: boolean
  /** The oldest moment by whose states the node may refuse a token without a good seal, which it does without asking the store. */
  readonly unsealedMoment: number
  /** Whether a change of the record is in doubt. The node must then ask the store. */
  readonly isInDoubt: boolean
}

export interface Attempts {
  /** Draws a verification of some record's token, or of a token that is issued later. */
  readonly draw: () => Attempt
  /** Draws a record. Returns `undefined` if there is none, or if the record is left alone. */
  readonly drawRecord: () => History | undefined
  /** Runs the effect. Meanwhile `drawRecord` doesn't draw the record. */
  readonly leavingAlone: <A>(record: History, effect: Effect.Effect<A>) => Effect.Effect<A>
  /** Draws a token that the record has, or had. */
  readonly drawToken: (record: History) => Token
  /** A secret for the key id that no issued token has. A restored record may get it. */
  readonly invented: (keyId: KeyId) => string
  /** Notes that the record was restored, perhaps with an invented secret, which is a right one from now on. */
  readonly onRestored: (record: History) => void
  readonly verify: (node: SimulatedNode, given: Attempt) => Effect.Effect<void>
  readonly boundOf: (node: SimulatedNode, given: Attempt) => Bound
  readonly judge: (node: SimulatedNode, given: Attempt, bound: Bound, exit: Exit.Exit<ApiKeys.Verified, VerifyError>) => void
  /** Fails the history if a grace still waits at the end for a use that has taken place. */
  readonly checkGraces: (nodes: ReadonlyArray<SimulatedNode>) => void
}

export const scopesOfKeys = ["a", "b", "c"]

/** The answer to a token without a good seal that isn't looked up. */
const unsealed = "MalformedToken seal"

export const makeAttempts = (episode: Episode, world: World): Attempts => {
  const { setting, statistics, records, confirmed, presentedAt, chance, draw, pick, millis, tick, log, fail } = episode
  /** By record, the last use of a new token for whose first use a grace was waiting. */
  const awaitedUses = new Map<string, { readonly node: SimulatedNode; readonly keyId: KeyId; readonly millis: number }>()
  const inventions = new Map<string, string>()
  const alone = new Set<History>()

  const invented = (keyId: KeyId): string => {
    const known = inventions.get(keyId)
    if (known !== undefined) return known
    const secret = world.inventSecret(keyId)
    inventions.set(keyId, secret)
    return secret
  }

  // The nested draws prefer the first records, so some change all the time and others rarely.
  const drawRecord = (): History | undefined => {
    const record = records.all[draw(1 + draw(records.all.length))]
    return record === undefined || alone.has(record) ? undefined : record
  }

  const leavingAlone: Attempts["leavingAlone"] = (record, effect) =>
    Effect.ensuring(
      Effect.andThen(
        Effect.sync(() => alone.add(record)),
        effect,
      ),
      Effect.sync(() => alone.delete(record)),
    )

  const drawToken = (record: History): Token => {
    const state = lastThere(record) ?? lastOf(record)
    const { apiKey, secret, previousSecret } = state
    // The first write of a record notes a token, so there is one.
    if (apiKey === undefined) return record.tokens[0]!
    // A previous token that ended 2 s ago is always refused, so it is drawn less often.
    const share = apiKey.previous === null ? 0 : isOver(apiKey, millis() - 2_000) ? 10 : 35
    const kind = draw(100)
    if (kind < share && apiKey.previous !== null) return { keyId: apiKey.previous.keyId, secret: previousSecret }
    return kind > 94 ? pick(record.tokens) : { keyId: apiKey.keyId, secret }
  }

  const drawAttempt = (): Attempt => {
    const record = chance(8) ? undefined : drawRecord()
    const token = record === undefined ? world.drawUpcoming() : drawToken(record)
    return {
      keyId: token.keyId,
      secret: chance(6) ? invented(token.keyId) : token.secret,
      scopes: chance(50) ? undefined : chance(50) ? [pick(scopesOfKeys)] : ["a", pick(scopesOfKeys)],
      maxAge: chance(75) ? undefined : chance(50) ? 0 : 1 + draw(setting.timeToLive * 2),
      countsAsUse: chance(80),
    }
  }

  const verify = (node: SimulatedNode, given: Attempt): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { keyId, secret, scopes, maxAge, countsAsUse } = given
      const bound = boundOf(node, given)
      if (countsAsUse && secret !== inventions.get(keyId) && !presentedAt.has(keyId)) presentedAt.set(keyId, bound.startedAt)
      return Effect.exit(node.run(node.apiKeys.verify(world.toText(given), { scopes, maxAge, countsAsUse }))).pipe(
        Effect.map((exit) => judge(node, given, bound, exit)),
      )
    })

  const boundOf: Attempts["boundOf"] = ({ model }, { keyId, maxAge = Number.POSITIVE_INFINITY }) => {
    const startedAt = millis()
    const id = records.find(keyId)?.id
    const isInTouch = model.isInTouch(startedAt)
    if (!isInTouch) statistics.outOfTouch++
    const mustAsk = !isInTouch || maxAge === 0
    const started = tick()
    const known = Math.max(model.knows(keyId, startedAt), confirmed.get(keyId) ?? 0)
    return {
      moment: mustAsk ? started : known,
      isInTouch,
      unsealedMoment: id !== undefined && model.mayRevive(id, startedAt) ? started : known,
      millis: startedAt - Math.min(setting.timeToLive, maxAge),
      refusalMillis: startedAt - Math.min(setting.timeToLive, setting.refusalTimeToLive, maxAge),
      startedAt,
      started,
      trustedSince: model.oldestUsed(startedAt),
      mustAsk,
      isInDoubt: id !== undefined && model.isInDoubt(id, startedAt),
    }
  }

  const judge: Attempts["judge"] = (node, given, known, exit) => {
    const end = tick()
    const now = millis()
    const answer = describe(exit)
    const { keyId } = given
    log(keyId, `${node.name} answers ${answer} to one of ${known.startedAt.toFixed(1)} with ${tellAttempt(given)}`)
    const wrong = whatIsWrongWithSeal(node, given, known, answer)
    if (wrong !== undefined) fail(keyId, `${node.name} answered ${answer}, and ${wrong}`)
    if (answer === unsealed) {
      statistics.refused++
      if (node.seals.rule === "default") statistics.refusedUnsealed++
      return
    }
    const isForgotten = answer === "NotFound" || answer === "InvalidSecret"
    // A remembered refusal names no record, so doubts about a record don't concern it.
    const bound = known.isInDoubt && !isForgotten ? { ...known, moment: known.started, mustAsk: true } : known
    if (answer === "RepositoryError" && (episode.storeFailedAt.get(keyId) ?? -1) > bound.moment) {
      statistics.failed++
      return
    }
    const after = Exit.isSuccess(exit) ? exit.value.checkedAt.epochMilliseconds - node.skew : Number.NEGATIVE_INFINITY
    const oldest = bound.mustAsk ? Number.NEGATIVE_INFINITY : isForgotten ? bound.refusalMillis : bound.millis
    const fits = (state: State): boolean =>
      answerOf(state, given, bound.startedAt + node.skew, node) === answer ||
      (now > bound.startedAt && answerOf(state, given, now + node.skew, node) === answer)
    const states = records.statesOf(keyId)
    // A state that ended before the bounds is impossible, and so are all states before it.
    const isPossible = ({ until, untilMillis }: State): boolean => until >= bound.moment && untilMillis > oldest && untilMillis >= after
    let found: State | undefined
    for (let index = states.length - 1; index >= 0 && found === undefined && isPossible(states[index]!); index--) {
      if (fits(states[index]!)) found = states[index]
    }
    if (found === undefined) {
      const possible = states.filter((state) => isPossible(state) && state.from <= end)
      const answers = new Set(possible.map((state) => answerOf(state, given, now + node.skew, node)))
      fail(keyId, `${node.name} answered ${answer}, where since #${bound.moment} only this is possible: ${Array.from(answers).join("; ")}`)
      return
    }
    if (found !== states.at(-1)) statistics.outdated++
    if (Exit.isFailure(exit)) {
      statistics.refused++
      if (answer.startsWith("Expired") && usedTokenOf(found, keyId) === "previous") statistics.expiredPrevious++
      if (answer.startsWith("PolicyRefused")) statistics.refusedByPolicy++
      if (answer === "UnknownPolicy") statistics.unknownPolicies++
      if (answer === "NotFound" && found.apiKey !== undefined) statistics.forgotten++
      return
    }
    statistics.granted++
    if (!node.seals.isGood(given, known.startedAt).underSome) statistics.grantedUnsealed++
    const { apiKey, usedToken } = exit.value
    if (usedToken === "previous") statistics.grantedPrevious++
    if (usedToken === "current" && given.countsAsUse && apiKey.previous !== null && apiKey.previous.graceSeconds !== null) {
      awaitedUses.set(apiKey.id, { node, keyId, millis: now })
    }
    if (after > now) fail(keyId, `${node.name} checked at ${after}, which is to come`)
    // `checkedAt` has whole milliseconds only.
    if (after < Math.floor(bound.mustAsk ? bound.startedAt : Math.max(bound.millis, bound.trustedSince))) {
      fail(keyId, `${node.name} answered by what it had read at ${after}, which is too long ago at ${bound.startedAt}`)
    }
  }

  /**
   * Says what is wrong if the node refused the token for its seal against its rule, or didn't. By default a node refuses only tokens that, for all
   * it must know, don't work; and none while it is out of touch.
   */
  const whatIsWrongWithSeal = (
    { seals, skew, ...node }: SimulatedNode,
    given: Attempt,
    bound: Bound,
    answer: string,
  ): string | undefined => {
    const { startedAt, isInTouch, unsealedMoment } = bound
    const { underEach, underSome } = seals.isGood(given, startedAt)
    if (answer !== unsealed) {
      // The node may remember a token whose key has left the ring.
      const mustRefuse = seals.rule === "required" && given.maxAge === 0 && !underSome
      return mustRefuse ? "the token has no good seal" : undefined
    }
    if (seals.rule === "none" || seals.rule === "preferred") return `the rule is ${seals.rule}`
    if (underEach) return "the token has a good seal"
    if (seals.rule === "required") return undefined
    if (!isInTouch) return "the node wasn't in touch"
    const mayNotWork = records.statesOf(given.keyId).some((state) => {
      if (state.until < unsealedMoment || state.untilMillis <= startedAt - believed) return false
      const byState = answerOf(state, given, startedAt + skew, node)
      return byState === "NotFound" || byState === "InvalidSecret" || byState === "Inactive" || byState.startsWith("Expired")
    })
    return mayNotWork ? undefined : `the token has worked since #${unsealedMoment}`
  }

  const checkGraces: Attempts["checkGraces"] = (nodes) => {
    for (const [id, use] of awaitedUses) {
      const record = records.find(id)
      const apiKey = record && lastOf(record).apiKey
      // A node that has stopped may not have written the use.
      if (apiKey?.keyId !== use.keyId || !nodes.includes(use.node)) continue
      if (apiKey.previous !== null && apiKey.previous.graceSeconds !== null) {
        fail(id, `${use.node.name} let the new token in at ${use.millis}, and the grace of the one before waits for a use still`)
      }
    }
  }

  return {
    draw: drawAttempt,
    drawRecord,
    leavingAlone,
    drawToken,
    invented,
    onRestored: ({ id, tokens }) => {
      awaitedUses.delete(id)
      for (const { keyId, secret } of tokens) if (inventions.get(keyId) === secret) inventions.delete(keyId)
    },
    verify,
    boundOf,
    judge,
    checkGraces,
  }
}
