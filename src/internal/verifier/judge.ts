/** Decides whether a record may be used now for the required scopes. Remembered records and others are judged here alone. */
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type { ApiKey, UsedToken } from "../../ApiKey.ts"
import type { VerifyError } from "../../ApiKeyError.ts"
import type { Meter, Presented, Taken } from "../../KeyPolicy.ts"
import type { LimitState } from "../../RateLimit.ts"
import { satisfies } from "../../Scope.ts"
import { fromMoment, toMoment } from "../time/moment.ts"
import type { Counts } from "./counts.ts"
import type { Entry, Found } from "./entry.ts"
import type { LastUsed } from "./lastUsed.ts"
import type { Verified, VerifyOptions } from "./model.ts"
import type { Rule } from "./plan.ts"

/** An answer about a record at a moment, in milliseconds. */
export type Judgement = (found: Found, now: number, options: VerifyOptions | undefined) => Effect.Effect<Verified, VerifyError>

export interface Judge {
  /** Runs the rules of a looked-up record's plan, then its meters. Without meters the answer is there at once. */
  readonly judge: Judgement
  /**
   * As `judge`, for a remembered record, whose ends were put together when it was kept. `undefined` if the record looks idle. The key may have
   * been used on another node since, so the record has to be looked up.
   */
  readonly judgeKept: (entry: Entry, now: number, options: VerifyOptions | undefined) => Effect.Effect<Verified, VerifyError> | undefined
  /** The answer for a remembered record that only the rule of its scopes can refuse now. `undefined` leaves the answer to `judgeKept`. */
  readonly grantKept: (entry: Entry, now: number, options: VerifyOptions | undefined) => Verified | undefined
  /** As `judge`, without the policies and meters, which bound uses. A token that is presented to be ended isn't used. */
  readonly judgeStanding: Judgement
  readonly refuse: (error: VerifyError) => Exit.Exit<never, VerifyError>
}

export interface Dependencies {
  readonly counts: Counts
  readonly lastUsed: LastUsed
}

const nothing: Presented = {}

export const make = ({ counts, lastUsed }: Dependencies): Judge => {
  const refuse = (error: VerifyError): Exit.Exit<never, VerifyError> => {
    counts.failures[error._tag]++
    return Exit.fail(error)
  }

  /** The refusal of a meter that failed at once, or its defect. */
  const refuseOf = (cause: Cause.Cause<VerifyError>): Exit.Exit<never, VerifyError> => {
    const error = Cause.findError(cause)
    return Result.isSuccess(error) ? refuse(error.success) : Exit.failCause(error.failure)
  }

  const use = (found: Found, now: number, options: VerifyOptions | undefined): Verified => {
    if (options?.countsAsUse !== false) lastUsed.record(found.use, now)
    return new Answer(found.apiKey, found.usedToken, toMoment(found.checkedAt))
  }

  const useMetered = (
    found: Found,
    now: number,
    options: VerifyOptions | undefined,
    limits: ReadonlyArray<LimitState> | undefined,
  ): Exit.Exit<Verified> => {
    if (options?.countsAsUse !== false) lastUsed.record(found.use, now)
    return Exit.succeed(new MeteredAnswer(found.apiKey, found.usedToken, toMoment(found.checkedAt), limits))
  }

  const grant = (found: Found, now: number, options: VerifyOptions | undefined): Exit.Exit<Verified> =>
    Exit.succeed(use(found, now, options))

  const grantKept: Judge["grantKept"] = (entry, now, options) =>
    toMoment(now) < entry.goodUntil && (options?.scopes === undefined || satisfies(entry.apiKey.scopes, options.scopes))
      ? use(entry, now, options)
      : undefined

  const judgeStanding: Judgement = (found, now, options) => {
    const refusal = refusalOf(found.plan.rules, found, now, options)
    return refusal === undefined ? grant(found, now, options) : refuse(refusal)
  }

  const judgePolicies: Judgement = (found, now, options) => {
    const { meters } = found.plan
    const refusal = firstRefusal(found, now, options)
    if (refusal !== undefined) return refuse(refusal)
    const [first] = meters
    if (first === undefined) return grant(found, now, options)
    if (meters.length > 1) return takeAndGrant(meters, found, now, options)
    const taking = first(found, options ?? nothing)
    if (!Exit.isExit(taking)) return takeAndGrant([() => taking], found, now, options)
    // The meter hasn't waited, so the moment is the same. An effect of the meter that is an exit is one of its results and failures.
    const taken = taking as Exit.Exit<Taken, VerifyError>
    return Exit.isSuccess(taken) ? useMetered(found, now, options, taken.value.limits) : refuseOf(taken.cause)
  }

  const takeAndGrant = (meters: ReadonlyArray<Meter>, found: Found, now: number, options: VerifyOptions | undefined) =>
    Effect.clockWith((clock) =>
      Effect.matchEffect(
        // A meter may wait, and the key may expire meanwhile.
        takeAll(meters, found, options ?? nothing, () => firstRefusal(found, clock.currentTimeMillisUnsafe(), options)),
        { onFailure: refuse, onSuccess: (limits) => useMetered(found, now, options, limits) },
      ),
    )

  const judge: Judgement = (found, now, options) => {
    const { isPlain, idle, rules } = found.plan
    if (isPlain) return judgeStanding(found, now, options)
    const idleRefusal = idle?.(found, nothing, now)
    if (idleRefusal === undefined) return judgePolicies(found, now, options)
    // The record's own ends come first. The rule of scopes, which comes after idleness, refuses nothing where no scopes are required.
    return refuse(refusalOf(rules, found, now, nothing) ?? idleRefusal)
  }

  return {
    judge,
    judgeKept: (entry, now, options) => {
      const verified = grantKept(entry, now, options)
      if (verified !== undefined) return Exit.succeed(verified)
      const { isPlain, idle } = entry.plan
      if (isPlain) return judgeStanding(entry, now, options)
      return idle?.(entry, nothing, now) === undefined ? judgePolicies(entry, now, options) : undefined
    },
    grantKept,
    judgeStanding,
    refuse,
  }
}

const firstRefusal = (found: Found, now: number, options: VerifyOptions | undefined): VerifyError | undefined => {
  const { rules, policies } = found.plan
  return refusalOf(rules, found, now, options) ?? refusalOf(policies, found, now, options)
}

const refusalOf = (rules: ReadonlyArray<Rule>, found: Found, now: number, options: VerifyOptions | undefined): VerifyError | undefined => {
  for (let index = 0; index < rules.length; index++) {
    // The index lies within the list. An iterator would be one more object.
    const refusal = rules[index]!(found, options ?? nothing, now)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

/** Takes a unit of each meter, or of none. If a later meter refuses or the caller gives up, the taken units go back. */
const takeAll = (
  meters: ReadonlyArray<Meter>,
  found: Found,
  use: Presented,
  refusalNow: () => VerifyError | undefined,
): Effect.Effect<ReadonlyArray<LimitState>, VerifyError> =>
  Effect.suspend(() => {
    const taken: Array<Taken> = []
    const take = (meter: Meter) =>
      Effect.uninterruptibleMask((restore) => Effect.map(restore(meter(found, use)), (each) => void taken.push(each)))
    const taking = Effect.flatMap(Effect.forEach(meters, take, { discard: true }), () => {
      const refusal = refusalNow()
      return refusal === undefined ? Effect.succeed(taken.flatMap(({ limits = [] }) => limits)) : Effect.fail(refusal)
    })
    return Effect.onExit(taking, (exit) =>
      Exit.isSuccess(exit) ? Effect.void : Effect.forEach(taken, ({ giveBack }) => safely(giveBack), { discard: true }),
    )
  })

/** If a unit can't be given back, the others still are. */
const safely = (giveBack: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.catchCause(giveBack, (cause) => Effect.logError("A meter of API keys couldn't take a unit back", cause))

const unlimited: ReadonlyArray<LimitState> = Object.freeze([])

/** A good token's record, as it was at `checkedAt`. */
class Answer implements Verified {
  readonly apiKey: ApiKey
  readonly usedToken: UsedToken
  private readonly moment: number

  constructor(apiKey: ApiKey, usedToken: UsedToken, moment: number) {
    this.apiKey = apiKey
    this.usedToken = usedToken
    this.moment = moment
  }

  /** Keys without limits share the value. */
  get limits(): ReadonlyArray<LimitState> {
    return unlimited
  }

  get checkedAt(): DateTime.Utc {
    // The instant is made when it is asked for. It costs more than the rest of a warm verification.
    return DateTime.makeUnsafe(fromMoment(this.moment))
  }

  toJSON() {
    const { apiKey, usedToken, checkedAt } = this
    return { apiKey, usedToken, checkedAt }
  }

  /** `console.log` of Node shows own fields only, and an accessor is none. */
  [Symbol.for("nodejs.util.inspect.custom")]() {
    return this.toJSON()
  }
}

class MeteredAnswer extends Answer {
  private readonly states: ReadonlyArray<LimitState>

  constructor(apiKey: ApiKey, usedToken: UsedToken, moment: number, states: ReadonlyArray<LimitState> = unlimited) {
    super(apiKey, usedToken, moment)
    this.states = states
  }

  override get limits(): ReadonlyArray<LimitState> {
    return this.states
  }

  override toJSON() {
    return { ...super.toJSON(), limits: this.states }
  }
}
