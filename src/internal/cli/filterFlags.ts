/** The flags that select keys. */
import type * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Filter } from "../../ApiKeys.ts"
import { type CliFailure, usage } from "./CliFailure.ts"
import { givenFields, moment, readScopes, scopes, text, toggle } from "./keyFlags.ts"
import { type Moment, resolveMoment } from "./values.ts"

export const filterFlags = {
  owner: text("owner", "Only keys of this owner"),
  status: Flag.Literals("status", ["active", "inactive", "expired"]).pipe(
    Flag.withDescription("Only keys that stand there"),
    Flag.optional,
  ),
  scope: scopes("Only keys with this scope, to the letter"),
  name: text("name", "Only keys whose name has this in it"),
  keyId: text("key-id", "Only the key whose current or previous token has this key id"),
  startsWith: text("starts-with", "Only keys whose id, or key id of a token, begins with this"),
  createdAfter: moment("created-after", "Created since: 7d (ago), or an instant"),
  createdBefore: moment("created-before", "Created before"),
  expiresAfter: moment("expires-after", "Expires after: 7d (from now), or an instant"),
  expiresBefore: moment("expires-before", "Expires before"),
  usedAfter: moment("used-after", "Last used since: 7d (ago), or an instant"),
  usedBefore: moment("used-before", "Last used before"),
  tokenCreatedAfter: moment("token-created-after", "With a token from since then: 7d (ago), or an instant"),
  tokenCreatedBefore: moment("token-created-before", "With a token from before"),
  idleAfter: moment("idle-after", "Becomes idle after: 7d (from now), or an instant"),
  idleBefore: moment("idle-before", "Becomes idle before"),
  used: toggle("used", "Only keys that were used"),
  neverUsed: toggle("never-used", "Only keys that were never used"),
}

export const readFilter = Effect.fnUntraced(function* (
  flags: Command.Command.Config.Infer<typeof filterFlags>,
): Effect.fn.Return<Filter, CliFailure> {
  if (flags.used && flags.neverUsed) return yield* usage("--used and --never-used contradict each other")
  const now = yield* DateTime.now
  const at = (moment: Option.Option<Moment>, direction: 1 | -1) => Option.map(moment, (each) => resolveMoment(each, now, direction))
  const status = Option.getOrUndefined(flags.status)
  const scopes = yield* readScopes(flags.scope)
  return {
    ...givenFields<Filter>({
      ownerId: flags.owner,
      name: flags.name,
      keyId: flags.keyId,
      startsWith: flags.startsWith,
      createdAfter: at(flags.createdAfter, -1),
      createdBefore: at(flags.createdBefore, -1),
      expiresAfter: at(flags.expiresAfter, 1),
      expiresBefore: at(flags.expiresBefore, 1),
      lastUsedAfter: at(flags.usedAfter, -1),
      lastUsedBefore: at(flags.usedBefore, -1),
      tokenCreatedAfter: at(flags.tokenCreatedAfter, -1),
      tokenCreatedBefore: at(flags.tokenCreatedBefore, -1),
      idleAfter: at(flags.idleAfter, 1),
      idleBefore: at(flags.idleBefore, 1),
    } satisfies { readonly [Name in Exclude<keyof Filter, "scopes" | "isActive" | "expired" | "neverUsed">]: unknown }),
    ...(scopes.length === 0 ? {} : { scopes }),
    ...(status === undefined ? {} : status === "inactive" ? { isActive: false } : { isActive: true, expired: status === "expired" }),
    ...(flags.used ? { neverUsed: false } : {}),
    ...(flags.neverUsed ? { neverUsed: true } : {}),
  }
})
