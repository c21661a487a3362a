import * as Command from "effect/cli/Command"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { ApiKeys, type UpdateInput } from "../../../ApiKeys.ts"
import type { FaceUpdateField } from "../../record/fields.ts"
import { changeFlags, expires, key, metadata, readChange, readExpiry } from "../changeFlags.ts"
import { orFailure, usage } from "../CliFailure.ts"
import { givenFields, readScopes, scopes, text, toggle } from "../keyFlags.ts"
import { findKey } from "../keyName.ts"
import { printKey } from "../output.ts"
import { policyChangeFlags, readPolicies, withPolicies } from "../policyFlags.ts"

/** Changes a key's record. @category commands @since 0.1.0 */
export const update = Command.make(
  "update",
  {
    key,
    name: text("name", "Another name"),
    description: text("description", "Another description; an empty one takes it away"),
    owner: text("owner", "Another owner; an empty one takes it away"),
    scope: scopes("The scopes that it has from now on, instead of those so far"),
    noScopes: toggle("no-scopes", "Take all scopes away"),
    expires,
    metadata,
    ...policyChangeFlags,
    ...changeFlags,
  },
  Effect.fnUntraced(function* ({ key, name, description, owner, scope, noScopes, expires, metadata, ...flags }) {
    const scopes = yield* readScopes(scope)
    if (noScopes && scopes.length > 0) return yield* usage("--scope and --no-scopes contradict each other")
    const values = yield* readPolicies(flags)
    const fields: UpdateInput = {
      ...givenFields<UpdateInput>({
        name,
        description: orNull(description),
        ownerId: orNull(owner),
        metadata,
        expiresAt: readExpiry(expires, yield* DateTime.now),
      } satisfies { readonly [Name in Exclude<FaceUpdateField, "scopes" | "policies">]: unknown }),
      ...(noScopes || scopes.length > 0 ? { scopes } : {}),
    }
    if (Object.keys(fields).length + Object.keys(values).length === 0)
      return yield* usage(
        "Say what to change: --name, --description, --owner, --scope, --expires, --metadata, --limit, --quota, --allow-ip or --idle-timeout",
      )
    const found = yield* findKey(key)
    const policies = withPolicies(found, values)
    const input = { ...fields, ...(Option.isSome(policies) && { policies: policies.value }) }
    // The other kinds of policies are those of the record that was found.
    const options = { ...(Option.isSome(policies) && { ifVersion: found.version }), ...readChange(flags) }
    return yield* printKey(yield* orFailure((yield* ApiKeys).update(found.id, input, options)))
  }),
).pipe(
  Command.withDescription("Change what is known of an API key, and what it may do"),
  Command.withExamples([{ command: "effect-api-key update 7a74caa3 --expires 2027-01-31 --scope invoices:read,invoices:write" }]),
)

const orNull = (value: Option.Option<string>): Option.Option<string | null> => Option.map(value, (text) => (text === "" ? null : text))
