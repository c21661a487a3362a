import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Prompt from "effect/cli/Prompt"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { ApiKeys, type CreateInput } from "../../../ApiKeys.ts"
import type { FaceCreateField } from "../../record/fields.ts"
import { expires, metadata, readExpiry } from "../changeFlags.ts"
import { orFailure } from "../CliFailure.ts"
import { checkIssuedPrefix } from "../issuedPrefix.ts"
import { givenFields, readScopes, scopes, string, text, toggle } from "../keyFlags.ts"
import { asking } from "../keyName.ts"
import { printCreated } from "../output.ts"
import { policyFlags, readPolicies, withPolicies } from "../policyFlags.ts"

/** Issues a key. @category commands @since 0.1.0 */
export const create = Command.make(
  "create",
  {
    name: string("name").pipe(
      Flag.withAlias("n"),
      Flag.withDescription("What people call it"),
      Flag.withFallbackPrompt(asking(Prompt.String({ message: "Name of the key" }))),
    ),
    description: text("description", "What it is for"),
    owner: text("owner", "Whom it belongs to, in your application's terms"),
    scope: scopes("What it may do"),
    expires,
    metadata,
    ...policyFlags,
    inactive: toggle("inactive", "Don't activate it yet"),
  },
  Effect.fnUntraced(function* ({ name, description, owner, scope, expires, metadata, inactive, ...flags }) {
    const now = yield* DateTime.now
    const input: CreateInput = {
      name,
      scopes: yield* readScopes(scope),
      ...givenFields<CreateInput>({
        description,
        ownerId: owner,
        metadata,
        policies: withPolicies({ policies: null }, yield* readPolicies(flags)),
        expiresAt: readExpiry(expires, now),
      } satisfies { readonly [Name in Exclude<FaceCreateField, "name" | "scopes" | "isActive">]: unknown }),
      ...(inactive ? { isActive: false } : {}),
    }
    yield* checkIssuedPrefix
    yield* printCreated(yield* orFailure((yield* ApiKeys).create(input)), "The key was created.")
  }),
).pipe(
  Command.withDescription("Issue an API key. Its token is printed once"),
  Command.withExamples([
    { command: "effect-api-key create --name ci --scope invoices:read --expires 30d" },
    { command: "effect-api-key create --name partner --limit burst=10/1s,daily=10000/1d" },
    { command: "effect-api-key create --name customer --quota monthly=1000/month" },
    { command: "effect-api-key create --name office --allow-ip 192.0.2.0/24,2001:db8::/32" },
    { command: "effect-api-key create --name trial --idle-timeout 90d" },
    { command: "effect-api-key create --name ci --json | jq -r .token", description: "For a script: just the token" },
  ]),
)
