/**
 * What a key may do, compiled once for each remembered record: the rules that may refuse it, and the meters that its uses take from.
 *
 * Status, expiry, age and scopes are the first policies. Keys for which the same rules count share a plan, so that a plan costs an entry one
 * reference, and rules that can't refuse a key aren't run for it.
 */
import * as DateTime from "effect/DateTime"
import { type ApiKey, type KeyId, status, tokenCreatedAt, type UsedToken } from "../../ApiKey.ts"
import { Expired, Inactive, InsufficientScope, type VerifyError } from "../../ApiKeyError.ts"
import type { Meter, Presented, Subject } from "../../KeyPolicy.ts"
import { type Scope, satisfies } from "../../Scope.ts"
import { endOfPrevious, isPreviousLive, toldEndOfPrevious } from "../record/previousToken.ts"

/** As `KeyPolicy.Rule`; it may also say that this node can't judge. */
export type Rule = (subject: Subject, use: Presented, now: number) => VerifyError | undefined

export interface Plan {
  /** In the order in which they are asked, which is part of the contract. */
  readonly rules: ReadonlyArray<Rule>
  /** Asked when no rule has refused. */
  readonly meters: ReadonlyArray<Meter>
}

export interface Plans {
  readonly of: (subject: Subject) => Plan
}

export interface Dependencies {
  /** How old a token may grow, in milliseconds; infinite if that matters to none. */
  readonly maximumAge: number
}

export const make = ({ maximumAge }: Dependencies): Plans => {
  const builtIn = [inactive, expired, aged(maximumAge), ended(maximumAge), lacking]
  /** The plan of each set of rules, by a bit for each rule. */
  const plans: Array<Plan | undefined> = []

  return {
    of: (subject) => {
      let needed = 0
      for (let index = 0; index < builtIn.length; index++) if (builtIn[index]!.mayRefuse(subject)) needed |= 1 << index
      return (plans[needed] ??= { rules: rulesOf(builtIn, needed), meters: [] })
    },
  }
}

const rulesOf = (builtIn: ReadonlyArray<BuiltIn>, needed: number): ReadonlyArray<Rule> =>
  builtIn.flatMap(({ rule }, index) => ((needed & (1 << index)) === 0 ? [] : [rule]))

/** A policy that the record's own fields state: for which keys its rule is needed at all, and the rule. */
interface BuiltIn {
  readonly mayRefuse: (subject: Subject) => boolean
  readonly rule: Rule
}

const inactive: BuiltIn = {
  mayRefuse: ({ apiKey }) => !apiKey.isActive,
  rule: (subject) => new Inactive({ keyId: keyIdOf(subject) }),
}

const expired: BuiltIn = {
  mayRefuse: ({ apiKey }) => apiKey.expiresAt !== null,
  rule: (subject, _use, now) => {
    const { apiKey } = subject
    return apiKey.expiresAt !== null && status(apiKey, now) === "expired"
      ? new Expired({ keyId: keyIdOf(subject), expiresAt: apiKey.expiresAt })
      : undefined
  },
}

/** Refuses a current token that is too old. */
const aged = (maximumAge: number): BuiltIn => ({
  mayRefuse: ({ usedToken }) => usedToken === "current" && maximumAge !== Number.POSITIVE_INFINITY,
  rule: (subject, _use, now) => {
    const end = endOfAge(subject.apiKey, maximumAge)
    return end <= now ? new Expired({ keyId: keyIdOf(subject), expiresAt: DateTime.makeUnsafe(end) }) : undefined
  },
})

/** Refuses a previous token whose grace has ended, or whose age. How old it is isn't known, but that it is older than the current one. */
const ended = (maximumAge: number): BuiltIn => ({
  mayRefuse: ({ usedToken }) => usedToken === "previous",
  rule: (subject, _use, now) => {
    const { apiKey } = subject
    const end = Math.min(endOfPrevious(apiKey), endOfAge(apiKey, maximumAge))
    return end <= now || !isPreviousLive(apiKey, now)
      ? new Expired({ keyId: keyIdOf(subject), expiresAt: DateTime.makeUnsafe(end) })
      : undefined
  },
})

const endOfAge = (apiKey: ApiKey, maximumAge: number): number =>
  maximumAge === Number.POSITIVE_INFINITY ? maximumAge : tokenCreatedAt(apiKey).epochMilliseconds + maximumAge

const lacking: BuiltIn = {
  mayRefuse: () => true,
  rule: (subject, { scopes: required }) => {
    const { apiKey, usedToken } = subject
    if (required === undefined || satisfies(apiKey.scopes, required)) return undefined
    return new InsufficientScope(
      {
        keyId: keyIdOf(subject),
        // `required` comes from the application and may hold a text that isn't a scope; that is no reason to crash.
        required: required as ReadonlyArray<Scope>,
        granted: apiKey.scopes,
        ...(usedToken === "previous" && {
          previous: { replacedAt: tokenCreatedAt(apiKey), expiresAt: toldEndOfPrevious(apiKey) },
        }),
      },
      { disableChecks: true },
    )
  },
}

/** The key id of the token that was presented. */
export const keyIdOf = ({ apiKey, usedToken }: { readonly apiKey: ApiKey; readonly usedToken: UsedToken }): KeyId =>
  usedToken === "previous" && apiKey.previous !== null ? apiKey.previous.keyId : apiKey.keyId
