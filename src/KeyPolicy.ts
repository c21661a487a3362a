/**
 * Policies: the bounds of a key beyond its scopes, kept in its record as `{ [kind]: value }`.
 *
 * A kind is defined once with {@link make} and given to the service (`ApiKeys.Options.policies`). A node refuses a record with an unknown kind
 * of policy, or with a value that can't be read. The failure is a `RepositoryError` whose cause is `UnknownPolicy`, so no policy is ignored.
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { ApiKey, UsedToken } from "./ApiKey.ts"
import type { InvalidKey, RepositoryError } from "./ApiKeyError.ts"
import type { LimitState } from "./RateLimit.ts"

/**
 * The key that is judged: its record, and the token that was presented, the current or the previous one.
 * @category models
 * @since 0.1.0
 */
export interface Subject {
  readonly apiKey: ApiKey
  readonly usedToken: UsedToken
}

/**
 * The demands of a verification on a key.
 * @category models
 * @since 0.1.0
 */
export interface Presented {
  /** The scopes that are required. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** The units that the use takes from each meter: a whole number, 0 for none. Default: 1, or 0 if the verification counts as no use. */
  readonly cost?: number | undefined
  /** The caller's address, if it is known. */
  readonly address?: string | undefined
  /** Whether the verification counts as a use. Default: yes. */
  readonly countsAsUse?: boolean | undefined
}

/**
 * The units that a meter has given to a use.
 * @category models
 * @since 0.1.0
 */
export interface Taken {
  /** Gives the units back. Runs at most once: if another meter of the key refuses, or the caller gives up. */
  readonly giveBack: Effect.Effect<void>
  /** The states of limits afterwards, for the caller of `verify`. */
  readonly limits?: ReadonlyArray<LimitState> | undefined
}

/**
 * Judges a key at a moment, in milliseconds since 1970, without I/O. Gives the refusal, or `undefined`. A rule runs at each verification,
 * remembered keys included, so a rule should allocate nothing but a refusal.
 * @category models
 * @since 0.1.0
 */
export type Rule = (subject: Subject, use: Presented, now: number) => InvalidKey | undefined

/**
 * Takes units for a use of a key, and may wait for it. Meters are asked last, when no rule has refused the key, for each use and each look of
 * `verify`. State belongs outside of `compile`, by the key's id: policies are compiled anew now and then. The units of a use are all taken, or
 * all given back. A meter that needn't wait gives an `Exit`, which costs least.
 * @category models
 * @since 0.1.0
 */
export type Meter = (subject: Subject, use: Presented) => Effect.Effect<Taken, InvalidKey | RepositoryError>

/**
 * The rule and the meter that the value of a policy means.
 * @category models
 * @since 0.1.0
 */
export interface Compiled {
  readonly rule?: Rule | undefined
  readonly meter?: Meter | undefined
}

/**
 * A kind of policy. A policy is compiled once for all remembered keys with the same policies, which share the result.
 * @category models
 * @since 0.1.0
 */
export interface KeyPolicy {
  /** The name under which records hold the policy's value: `[a-z][A-Za-z0-9]{0,31}`. */
  readonly kind: string
  /** The value's rule and meter; a failure, or a defect, if the value isn't one of this kind. */
  readonly compile: (value: unknown) => Exit.Exit<Compiled, Schema.SchemaError>
}

/**
 * Defines a kind of policy by the schema of its value, as JSON, and by the value's rule or meter. A value for which `compile` throws isn't of
 * this kind. No key is given such a value, and a record with such a value is refused.
 * @category constructors
 * @since 0.1.0
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { ApiKeyError, KeyPolicy } from "effect-api-key"
 *
 * // Keys that work at certain hours of the day only (UTC): `{ "hours": [8, 18] }`.
 * const hours = KeyPolicy.make({
 *   kind: "hours",
 *   schema: Schema.Tuple([Schema.Int, Schema.Int]),
 *   compile: ([from, until]) => ({
 *     rule: ({ apiKey }, _use, now) => {
 *       const hour = new Date(now).getUTCHours()
 *       if (hour >= from && hour < until) return undefined
 *       return new ApiKeyError.PolicyRefused({ keyId: apiKey.keyId, kind: "hours", reason: `works from ${from} to ${until}` })
 *     },
 *   }),
 * })
 * ```
 */
export const make = <A, I extends Schema.Json>(policy: {
  readonly kind: string
  readonly schema: Schema.Codec<A, I>
  readonly compile: (value: A) => Compiled
}): KeyPolicy => {
  // A property that the schema doesn't know may be part of the restriction, of a later version or misspelt.
  const decode = Schema.decodeUnknownExit(policy.schema, { onExcessProperty: "error" })
  return {
    kind: policy.kind,
    compile: (value) => {
      const decoded = decode(value)
      if (Exit.isFailure(decoded)) return Exit.failCause(decoded.cause)
      try {
        return Exit.succeed(policy.compile(decoded.value))
      } catch (thrown) {
        return Exit.die(thrown)
      }
    },
  }
}
