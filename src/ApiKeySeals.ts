/**
 * A ring of sealing keys, which tell issued tokens from invented ones. Provide one of the layers of `effect-api-key/hasher/Seals` along with
 * `ApiKeys`. Without such a layer the sealing keys are derived from the peppers, and are lost with the peppers. A pepper can be taken away once
 * no hash needs it. Tokens keep their seals for as long as they are in use.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { HasherError } from "./ApiKeyError.ts"
import type { SealingKeys } from "./internal/token/seal.ts"

export type { SealingKey, SealingKeys } from "./internal/token/seal.ts"

/**
 * The ring of sealing keys. `ApiKeys` seals new tokens by the ring's current key, and accepts the seals of all keys of ring and peppers.
 * @category services
 * @since 0.1.0
 * @example
 * ```ts
 * import { Layer, Redacted } from "effect"
 * import { ApiKeyRepository, ApiKeys } from "effect-api-key"
 * import * as Argon2 from "effect-api-key/hasher/Argon2"
 * import * as Seals from "effect-api-key/hasher/Seals"
 *
 * const seals = Seals.layerRing({ current: { id: "2026a", value: Redacted.make("sixteen bytes at the least, random") }, older: [] })
 * const layer = ApiKeys.layer.pipe(Layer.provide([Argon2.layerConfig(), seals, ApiKeyRepository.layerMemory]))
 * ```
 */
export class ApiKeySeals extends Context.Service<
  ApiKeySeals,
  {
    /**
     * The ring, or `undefined` without one; the keys of the peppers serve then. `keys` is read often, so reading should cost nothing, and give
     * the same object until a change.
     */
    readonly keys: Effect.Effect<SealingKeys | undefined, HasherError>
    /** Reads the keys again from their source. If the reading fails, the keys stay in use and a warning is logged. */
    readonly reload?: Effect.Effect<void>
  }
>()("effect-api-key/ApiKeySeals") {}
