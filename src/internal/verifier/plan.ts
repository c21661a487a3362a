/**
 * The plan of a key: the rules that may refuse it, and the meters of its uses. It is compiled once for each remembered record.
 *
 * Status, expiry, age and scopes are the first policies. Keys with the same rules share a plan, so a plan costs an entry one reference.
 * Rules that can't refuse a key aren't run for it.
 */
import * as DateTime from "effect/DateTime"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import { type ApiKey, type KeyId, status, tokenCreatedAt, type UsedToken } from "../../ApiKey.ts"
import { Expired, Inactive, InsufficientScope, RepositoryError, UnknownPolicy, type VerifyError } from "../../ApiKeyError.ts"
import * as IdleTimeout from "../../IdleTimeout.ts"
import type { KeyPolicy, Meter, Presented, Subject } from "../../KeyPolicy.ts"
import { type Scope, satisfies } from "../../Scope.ts"
import { endOfPrevious, isPreviousLive, keyIdOf, toldEndOfPrevious } from "../record/previousToken.ts"

/** As `KeyPolicy.Rule`. The rule may also answer that this node can't judge. */
export type Rule = (subject: Subject, use: Presented, now: number) => VerifyError | undefined

export interface Plan {
  /** The plans of a record's two tokens differ. */
  readonly usedToken: UsedToken
  /** The rules of the record's own fields, in the order in which they are asked. The order is part of the contract. */
  readonly rules: ReadonlyArray<Rule>
  /** Whether the record has no policies. */
  readonly isPlain: boolean
  /**
   * The rule of the record's idle timeout. A remembered record doesn't show uses on other nodes, so the rule refuses by a record alone that was
   * looked up for this use.
   */
  readonly idle: Rule | undefined
  /** The other rules of the record's policies, asked after `rules`. */
  readonly policies: ReadonlyArray<Rule>
  /** Asked when no rule has refused. */
  readonly meters: ReadonlyArray<Meter>
}

export interface Plans {
  readonly of: (subject: Subject) => Plan
  /**
   * The time, in milliseconds (exclusive), until which only its scopes can refuse the key: the earliest of its ends. For a key with
   * policies the time is minus infinity.
   */
  readonly goodUntil: (subject: Subject) => number
}

export interface Dependencies {
  /** The greatest age of a token, in milliseconds, or infinity if there is no limit. */
  readonly maximumAge: number
  /** The kinds of policies that this node knows. */
  readonly policies: ReadonlyArray<KeyPolicy>
  /** The policies of keys without one of the same kind; `null` for none. */
  readonly defaults: Schema.JsonObject | null
}

/** The number of compiled policies that are shared. Each has up to 8 KiB. */
const capacity = 1_000

export const make = ({ maximumAge, policies, defaults }: Dependencies): Plans => {
  const ends = [inactive, expired, aged(maximumAge), ended(maximumAge)]
  const kinds = new Map(policies.map((policy) => [policy.kind, policy]))
  /** The plan of each set of rules, by a bit for each rule. */
  const plans: Array<Plan | undefined> = []
  /** Compiled policies by their text, and the plans with them by the same bits. */
  const plansOfPolicies = new Map<
    string,
    { readonly compiled: Omit<Plan, "usedToken" | "rules">; readonly plans: Array<Plan | undefined> }
  >()

  const policiesOf = ({ apiKey }: Subject): Schema.JsonObject | null => {
    if (defaults === null) return apiKey.policies
    return apiKey.policies === null ? defaults : { ...defaults, ...apiKey.policies }
  }

  return {
    of: (subject) => {
      let needed = 0
      for (let index = 0; index < ends.length; index++) if (ends[index]!.from(subject) < Number.POSITIVE_INFINITY) needed |= 1 << index
      const policies = policiesOf(subject)
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
      if (policiesOf(subject) !== null) return Number.NEGATIVE_INFINITY
      let earliest = Number.POSITIVE_INFINITY
      for (const { from } of ends) earliest = Math.min(earliest, from(subject))
      return earliest
    },
  }
}

const nothing: Omit<Plan, "usedToken" | "rules"> = { isPlain: true, idle: undefined, policies: [], meters: [] }

/** The rules by their bits. The required scopes aren't known before a verification, so their rule is always asked, and last. */
const rulesOf = (ends: ReadonlyArray<End>, needed: number): ReadonlyArray<Rule> => [
  ...ends.flatMap(({ rule }, index) => ((needed & (1 << index)) === 0 ? [] : [rule])),
  lacking,
]

/** The plan of a record's policies. Kinds that this node doesn't know, or values that it can't read, refuse the key. */
const compilePolicies = (policies: Schema.JsonObject, kinds: ReadonlyMap<string, KeyPolicy>): Omit<Plan, "usedToken" | "rules"> => {
  const rules: Array<Rule> = []
  const meters: Array<Meter> = []
  const unknown: Array<string> = []
  let idle: Rule | undefined
  for (const [kind, value] of Object.entries(policies)) {
    const compiled = kinds.get(kind)?.compile(value)
    if (compiled === undefined || Exit.isFailure(compiled)) unknown.push(kind)
    else {
      const { rule, meter } = compiled.value
      if (kind === IdleTimeout.kind) idle = rule
      else if (rule !== undefined) rules.push(rule)
      if (meter !== undefined) meters.push(meter)
    }
  }
  if (unknown.length === 0) return { isPlain: false, idle, policies: rules, meters }
  // No meter takes a unit for a key that is refused anyway.
  return { isPlain: false, idle: undefined, policies: [(subject) => unknownPolicy(keyIdOf(subject), unknown)], meters: [] }
}

const unknownPolicy = (keyId: KeyId, kinds: ReadonlyArray<string>): RepositoryError =>
  // A retry of the request may reach a node that knows the kinds.
  new RepositoryError({ operation: "read the policies of an API key", isRetryable: true, cause: new UnknownPolicy({ keyId, kinds }) })

/** A policy that the record's own fields state, and that ends the key. */
interface End {
  /** The time, in milliseconds, from which the rule may refuse the key. For a key without an end the rule isn't asked. */
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

/** Refuses a previous token whose grace has ended, or that is too old. Its age isn't known, but it is older than the current token. */
const ended = (maximumAge: number): End => ({
  // The first use of the current token may change this end. The rule also looks at more than the time.
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
      // `required` comes from the application, and may hold a text that isn't a scope. That is no reason to crash.
      required: required as ReadonlyArray<Scope>,
      granted: apiKey.scopes,
      ...(usedToken === "previous" && {
        previous: { replacedAt: tokenCreatedAt(apiKey), expiresAt: toldEndOfPrevious(apiKey) },
      }),
    },
    { disableChecks: true },
  )
}
