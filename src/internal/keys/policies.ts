/** Checks the policies of a caller's input: the service must know each kind, and the kind must accept the value. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { InvalidInput } from "../../ApiKeyError.ts"
import type { KeyPolicy } from "../../KeyPolicy.ts"
import { firstIssue } from "../schema/firstIssue.ts"

export type CheckPolicies = (policies: Schema.JsonObject | null | undefined) => Effect.Effect<void, InvalidInput>

export const make = (known: ReadonlyArray<KeyPolicy>): CheckPolicies => {
  const kinds = new Map(known.map((policy) => [policy.kind, policy]))
  return (policies) =>
    Effect.forEach(
      Object.entries(policies ?? {}),
      ([kind, value]) => {
        const policy = kinds.get(kind)
        const refuse = (reason: string, ...path: ReadonlyArray<string>) =>
          Effect.fail(new InvalidInput({ field: ["policies", kind, ...path].join("."), reason }))
        if (policy === undefined) return refuse("is a kind of policy that this service doesn't know")
        return Exit.match(policy.compile(value), {
          onSuccess: () => Effect.void,
          onFailure: (cause) => {
            const error = Option.getOrUndefined(Cause.findErrorOption(cause))
            if (!Schema.isSchemaError(error)) return refuse("isn't a value of this kind of policy")
            const { path, message } = firstIssue(error.issue)
            return refuse(message, ...path)
          },
        })
      },
      { discard: true },
    )
}
