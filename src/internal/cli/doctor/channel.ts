/** Checks that nodes hear of changes. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import { ApiKeyInvalidation } from "../../../ApiKeyInvalidation.ts"
import { notHeard } from "../../nodes/nodes.ts"
import type { Missing } from "../../sql/repair.ts"
import { layerListening, layerRedis } from "../database.ts"
import { counted } from "../output.ts"
import { type Finding, ok, error, tagOf, messageOf, databaseAdvice, repairAdvice } from "./finding.ts"

export const countNodes = Effect.gen(function* () {
  const sql = (yield* SqlClient).withoutTransforms()
  const [nodes] = yield* sql<{ count: number }>`SELECT count(*)::int AS count FROM api_keys_nodes WHERE live_until > now()`
  return nodes?.count ?? 0
})

export const checkTriggers = Effect.fnUntraced(function* (
  { triggers, hasTell }: Missing,
  nodes: number,
  databaseUrl: Option.Option<Redacted.Redacted>,
) {
  const sql = (yield* SqlClient).withoutTransforms()
  if (triggers.length > 0 || !hasTell) {
    return error("invalidation", `Changes aren't told to the nodes: missing or disabled are ${triggers.join(", ")}`, repairAdvice)
  }
  const [role] = yield* sql<{ standby: boolean }>`SELECT pg_is_in_recovery() AS standby`
  if (role?.standby === true) {
    return error("invalidation", "This database is a standby, which knows no LISTEN", "Set DATABASE_URL to the primary")
  }
  const listen = listening(nodes)
  // An embedded database has one process, so there is no channel to other nodes to check.
  if (Option.isNone(databaseUrl)) return ok("invalidation", `Changes are told; ${listen}`)
  return yield* checkHeard(`Changes are told and heard; ${listen}`).pipe(
    Effect.provide(layerListening(databaseUrl.value), { local: true }),
    Effect.catchCause((cause) =>
      Effect.succeed(error("invalidation", messageOf(cause), "See that the database takes two more connections")),
    ),
  )
})

const listening = (count: number): string => `${counted(count, "node")} ${count === 1 ? "listens" : "listen"}`

/** Checks that a published message arrives. As on a node, the connection that listens is apart from the one that publishes (decision 0031). */
const checkHeard = (message: string) =>
  Effect.gen(function* () {
    const { subscribe, publish, advice } = yield* ApiKeyInvalidation
    const heard = yield* subscribe
    // Nodes ignore an unknown message that begins with `?`.
    const probe = `?doctor ${crypto.randomUUID()}`
    yield* publish(probe)
    const isHeard = yield* Effect.timeoutOption(Effect.repeat(Queue.take(heard), { until: (text) => text === probe }), "3 seconds")
    if (Option.isSome(isHeard)) return ok("invalidation", message)
    return error("invalidation", notHeard, advice ?? "See that what connects the servers passes on what they tell each other")
  }).pipe(Effect.scoped)

export const checkRedis = (url: Redacted.Redacted, nodes: number): Effect.Effect<Finding> =>
  checkHeard(`Redis tells of changes; ${listening(nodes)}`).pipe(
    Effect.provide(layerRedis(url), { local: true }),
    Effect.scoped,
    Effect.timeout("10 seconds"),
    Effect.catchCause((cause) =>
      Effect.succeed(
        error(
          "invalidation",
          messageOf(cause),
          databaseAdvice[tagOf(cause) ?? ""] ?? "See that Redis runs, and that REDIS_URL is right for you and for the servers",
        ),
      ),
    ),
  )
