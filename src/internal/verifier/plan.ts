/**
 * What a key may do, compiled once for each remembered record: the rules that may refuse it, and the meters that its uses take from.
 *
 * Status, expiry, age and scopes are the first policies. Keys for which the same rules count share a plan, so that a plan costs an entry one
 * reference, and rules that can't refuse a key aren't run for it.
 */
import * as DateTime from "effect/DateTime"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import { type ApiKey, type KeyId, status, tokenCreatedAt, type UsedToken } from "../../ApiKey.ts"
import { Expired, Inactive, InsufficientScope, RepositoryError, UnknownPolicy, type VerifyError } from "../../ApiKeyError.ts"
import type { KeyPolicy, Meter, Presented, Subject } from "../../KeyPolicy.ts"
import { type Scope, satisfies } from "../../Scope.ts"
import { endOfPrevious, isPreviousLive, toldEndOfPrevious } from "../record/previousToken.ts"

/** As `KeyPolicy.Rule`; it may also say that this node can't judge. */
export type Rule = (subject: Subject, use: Presented, now: number) => VerifyError | undefined

export interface Plan {
  /** The plans of a record's two tokens differ. */
  readonly usedToken: UsedToken
  /** Of the record's own fields, in the order in which they are asked, which is part of the contract. */
  readonly rules: ReadonlyArray<Rule>
  /** Whether the record has no policies. */
  readonly isPlain: boolean
  /** Of the record's policies, asked after those. */
  readonly policies: ReadonlyArray<Rule>
  /** Asked when no rule has refused. */
  readonly meters: ReadonlyArray<Meter>
}

export interface Plans {
  readonly of: (subject: Subject) => Plan
  /**
   * Until when, in milliseconds (exclusive), nothing but its scopes can refuse the key, whatever is asked of it: the earliest of its ends. Of a key
   * that is refused already, or has policies, there is no such time.
   */
  readonly goodUntil: (subject: Subject) => number
}

export interface Dependencies {
  /** How old a token may grow, in milliseconds; infinite if that matters to none. */
  readonly maximumAge: number
  /** The kinds of policies that this node knows. */
  readonly policies: ReadonlyArray<KeyPolicy>
}

/** How many policies are shared, of up to 8 KiB each. */
const capacity = 1_000

export const make = ({ maximumAge, policies }: Dependencies): Plans => {
  const ends = [inactive, expired, aged(maximumAge), ended(maximumAge)]
  const kinds = new Map(policies.map((policy) => [policy.kind, policy]))
  /** The plan of each set of rules, by a bit for each rule. */
  const plans: Array<Plan | undefined> = []
  /** Compiled policies by their text, and the plans with them by the same bits. */
  const plansOfPolicies = new Map<
    string,
    { readonly compiled: Omit<Plan, "usedToken" | "rules">; readonly plans: Array<Plan | undefined> }
  >()

  return {
    of: (subject) => {
      let needed = 0
      for (let index = 0; index < ends.length; index++) if (ends[index]!.from(subject) < Number.POSITIVE_INFINITY) needed |= 1 << index
      const { policies } = subject.apiKey
      if (policies === null) return (plans[needed] ??= { usedToken: subject.usedToken, rules: rulesOf(ends, needed), ...nothing })
      const name = JSON.stringify(policies)
      let known = plansOfPolicies.get(name)
      if (known === undefined) {
        known = { compiled: compilePolicies(policies, kinds), plans: [] }
        if (plansOfPolicies.size >= capacity) plansOfPolicies.clear()
        plansOfPolicies.set(name, known)
      }
      return (known.plans[needed] ??= { usedToken: subject.usedToken, rules: rulesOf(ends, needed), ...known.compiled })
    },
    goodUntil: (subject) => {
      if (subject.apiKey.policies !== null) return Number.NEGATIVE_INFINITY
      let earliest = Number.POSITIVE_INFINITY
      for (const { from } of ends) earliest = Math.min(earliest, from(subject))
      return earliest
    },
  }
}

const nothing: Omit<Plan, "usedToken" | "rules"> = { isPlain: true, policies: [], meters: [] }

/** The rules by their bits. What is required of the scopes isn't known before, so that they are always asked, and last. */
const rulesOf = (ends: ReadonlyArray<End>, needed: number): ReadonlyArray<Rule> => [
  ...ends.flatMap(({ rule }, index) => ((needed & (1 << index)) === 0 ? [] : [rule])),
  lacking,
]

/** The plan of a record's policies. Kinds that this node doesn't know, or values that it can't read, refuse the key. */
const compilePolicies = (policies: Schema.JsonObject, kinds: ReadonlyMap<string, KeyPolicy>): Omit<Plan, "usedToken" | "rules"> => {
  const rules: Array<Rule> = []
  const meters: Array<Meter> = []
  const unknown: Array<string> = []
  for (const [kind, value] of Object.entries(policies)) {
    const compiled = kinds.get(kind)?.compile(value)
    if (compiled === undefined || Exit.isFailure(compiled)) unknown.push(kind)
    else {
      const { rule, meter } = compiled.value
      if (rule !== undefined) rules.push(rule)
      if (meter !== undefined) meters.push(meter)
    }
  }
  if (unknown.length === 0) return { isPlain: false, policies: rules, meters }
  // No meter takes a unit for a key that is refused anyway.
  return { isPlain: false, policies: [(subject) => unknownPolicy(keyIdOf(subject), unknown)], meters: [] }
}

const unknownPolicy = (keyId: KeyId, kinds: ReadonlyArray<string>): RepositoryError =>
  // Retried, the same request may reach a node that knows them.
  new RepositoryError({ operation: "read the policies of an API key", isRetryable: true, cause: new UnknownPolicy({ keyId, kinds }) })

/** A policy that the record's own fields state, and that ends the key. */
interface End {
  /** From when on, in milliseconds, the rule may refuse the key. A key without an end isn't asked. */
  readonly from: (subject: Subject) => number
  readonly rule: Rule
}

const always = Number.NEGATIVE_INFINITY
const never = Number.POSITIVE_INFINITY

const inactive: End = {
  from: ({ apiKey }) => (apiKey.isActive ? never : always),
  rule: (subject) => new Inactive({ keyId: keyIdOf(subject) }),
}

const expired: End = {
  from: ({ apiKey }) => (apiKey.expiresAt === null ? never : apiKey.expiresAt.epochMilliseconds),
  rule: (subject, _use, now) => {
    const { apiKey } = subject
    return apiKey.expiresAt !== null && status(apiKey, now) === "expired"
      ? new Expired({ keyId: keyIdOf(subject), expiresAt: apiKey.expiresAt })
      : undefined
  },
}

/** Refuses a current token that is too old. */
const aged = (maximumAge: number): End => ({
  from: ({ apiKey, usedToken }) => (usedToken === "current" ? endOfAge(apiKey, maximumAge) : never),
  rule: (subject, _use, now) => {
    const end = endOfAge(subject.apiKey, maximumAge)
    return end <= now ? new Expired({ keyId: keyIdOf(subject), expiresAt: DateTime.makeUnsafe(end) }) : undefined
  },
})

/** Refuses a previous token whose grace has ended, or whose age. How old it is isn't known, but that it is older than the current one. */
const ended = (maximumAge: number): End => ({
  // Its end may be changed by the first use of the token after it, and its rule looks at more than the time.
  from: ({ usedToken }) => (usedToken === "previous" ? always : never),
  rule: (subject, _use, now) => {
    const { apiKey } = subject
    const end = Math.min(endOfPrevious(apiKey), endOfAge(apiKey, maximumAge))
    return end <= now || !isPreviousLive(apiKey, now)
      ? new Expired({ keyId: keyIdOf(subject), expiresAt: DateTime.makeUnsafe(end) })
      : undefined
  },
})

const endOfAge = (apiKey: ApiKey, maximumAge: number): number => tokenCreatedAt(apiKey).epochMilliseconds + maximumAge

const lacking: Rule = (subject, { scopes: required }) => {
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
}

/** The key id of the token that was presented. */
export const keyIdOf = ({ apiKey, usedToken }: { readonly apiKey: ApiKey; readonly usedToken: UsedToken }): KeyId =>
  usedToken === "previous" && apiKey.previous !== null ? apiKey.previous.keyId : apiKey.keyId
