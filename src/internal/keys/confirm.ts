/** Waits until every node has applied a change. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Model from "../../ApiKey.ts"
import { type InvalidInput, Unconfirmed } from "../../ApiKeyError.ts"
import type { TransactionSupport } from "../../ApiKeyRepository.ts"
import type { Nodes } from "../nodes/nodes.ts"
import { decodeDuration } from "./input.ts"
import type { ConfirmWithin } from "./model.ts"

/** Waits for the confirmation of a change, and gives the record. `keyIds` are those that the change was of. */
export type Waiting = (apiKey: Model.ApiKey, keyIds?: ReadonlyArray<Model.KeyId>) => Effect.Effect<Model.ApiKey, Unconfirmed>

/** Checks the options before the change, and gives the effect that waits after the change. Without `confirmWithin` the effect doesn't wait. */
export type Confirm = (options: ConfirmWithin | undefined) => Effect.Effect<Waiting, InvalidInput>

export const make =
  (transaction: TransactionSupport | undefined, nodes: Pick<Nodes, "confirm">): Confirm =>
  (options) => {
    if (options?.confirmWithin === undefined) return Effect.succeed(Effect.succeed)
    return Effect.map(
      decodeDuration("confirmWithin", options.confirmWithin),
      (within): Waiting =>
        (apiKey, keyIds = Model.keyIdsOf(apiKey)) =>
          Effect.contextWith((context: Context.Context<never>) =>
            // No node can see the change before the commit.
            transaction?.isOpen(context) === true
              ? Effect.fail(new Unconfirmed({ id: apiKey.id, nodes: [] }))
              : Effect.as(
                  Effect.forEach(keyIds, (keyId) => nodes.confirm(apiKey.id, keyId, within), { concurrency: "unbounded", discard: true }),
                  apiKey,
                ),
          ),
    )
  }
