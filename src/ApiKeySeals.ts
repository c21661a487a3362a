/**
 * Sealing keys of their own, by which a token is known as one that was issued. Provide one of the layers of `effect-api-key/hasher/Seals` along with
 * `ApiKeys`. Without one the sealing keys come of the peppers, and go with them: a pepper can be taken away once no hash needs it, but tokens keep
 * their seals for as long as they are in use.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { HasherError } from "./ApiKeyError.ts"
import type { SealingKeys } from "./internal/token/seal.ts"

export type { SealingKey, SealingKeys } from "./internal/token/seal.ts"

/**
 * The ring of sealing keys. `ApiKeys` seals new tokens by its current one, and knows the seals of all of them, and of those of the peppers.
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
    /** `undefined`: there is no ring, and those of the peppers serve. Read often, so it should cost nothing and give the same object until something changes. */
    readonly keys: Effect.Effect<SealingKeys | undefined, HasherError>
    /** Reads the keys again, where they come from somewhere. If that fails, they stay as they are and a warning is logged. */
    readonly reload?: Effect.Effect<void>
  }
>()("effect-api-key/ApiKeySeals") {}
