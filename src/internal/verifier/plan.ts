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
  const builtIn = [inactive, expired, aged(maximumAge), ended(maximumAge), lacking]
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
      for (let index = 0; index < builtIn.length; index++) if (builtIn[index]!.mayRefuse(subject)) needed |= 1 << index
      const { policies } = subject.apiKey
      if (policies === null) return (plans[needed] ??= { usedToken: subject.usedToken, rules: rulesOf(builtIn, needed), ...nothing })
      const name = JSON.stringify(policies)
      let known = plansOfPolicies.get(name)
      if (known === undefined) {
        known = { compiled: compilePolicies(policies, kinds), plans: [] }
        if (plansOfPolicies.size >= capacity) plansOfPolicies.clear()
        plansOfPolicies.set(name, known)
      }
      return (known.plans[needed] ??= { usedToken: subject.usedToken, rules: rulesOf(builtIn, needed), ...known.compiled })
    },
  }
}

const nothing: Omit<Plan, "usedToken" | "rules"> = { isPlain: true, policies: [], meters: [] }

const rulesOf = (builtIn: ReadonlyArray<BuiltIn>, needed: number): ReadonlyArray<Rule> =>
  builtIn.flatMap(({ rule }, index) => ((needed & (1 << index)) === 0 ? [] : [rule]))

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
