/** Waits until every node has applied a change. */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Model from "../../ApiKey.ts"
import { Unconfirmed } from "../../ApiKeyError.ts"
import type { TransactionSupport } from "../../ApiKeyRepository.ts"
import type { Nodes } from "../nodes/nodes.ts"
import type { ConfirmWithin } from "./model.ts"

/** Gives the record when it is confirmed, or at once where nobody asked for that. `keyIds` are those that the change was of. */
export type Confirm = (
  apiKey: Model.ApiKey,
  options: ConfirmWithin | undefined,
  keyIds?: ReadonlyArray<Model.KeyId>,
) => Effect.Effect<Model.ApiKey, Unconfirmed>

export const make =
  (transaction: TransactionSupport | undefined, nodes: Pick<Nodes, "confirm">): Confirm =>
  (apiKey, options, keyIds = Model.keyIdsOf(apiKey)) =>
    Effect.contextWith((context: Context.Context<never>) => {
      if (options?.confirmWithin === undefined) return Effect.succeed(apiKey)
      // No node can see the change before the commit.
      if (transaction?.isOpen(context) === true) return Effect.fail(new Unconfirmed({ id: apiKey.id, nodes: [] }))
      const within = Duration.fromInputUnsafe(options.confirmWithin)
      return Effect.as(
        Effect.forEach(keyIds, (keyId) => nodes.confirm(apiKey.id, keyId, within), { concurrency: "unbounded", discard: true }),
        apiKey,
      )
    })
