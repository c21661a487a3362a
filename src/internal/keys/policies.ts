/** Checks the policies that a caller gives a key: each of a kind that the service knows, with a value of its kind. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import { InvalidInput } from "../../ApiKeyError.ts"
import type { KeyPolicy } from "../../KeyPolicy.ts"

export type CheckPolicies = (policies: Schema.JsonObject | null | undefined) => Effect.Effect<void, InvalidInput>

export const make = (known: ReadonlyArray<KeyPolicy>): CheckPolicies => {
  const kinds = new Map(known.map((policy) => [policy.kind, policy]))
  return (policies) =>
    Effect.forEach(
      Object.entries(policies ?? {}),
      ([kind, value]) => {
        const policy = kinds.get(kind)
        const refuse = (reason: string) => Effect.fail(new InvalidInput({ field: `policies.${kind}`, reason }))
        if (policy === undefined) return refuse("is a kind of policy that this service doesn't know")
        // The issue may repeat the value, which the caller has given.
        return Exit.match(policy.compile(value), {
          onSuccess: () => Effect.void,
          onFailure: () => refuse("isn't a value of this kind of policy"),
        })
      },
      { discard: true },
    )
}
