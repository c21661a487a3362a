/**
 * Meters: balances of units that the nodes of a program share, for quotas and rate limits.
 *
 * A node takes units in leases, and spends a lease from memory. A unit leaves the balance before it is spent, so all nodes together never spend
 * more than there is. A node that crashes loses at most the units of its leases.
 *
 * The repository of `effect-api-key/sql/SqlRepository` brings meters along. A layer of {@link Meters} takes their place.
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Balances } from "./internal/meters/contract.ts"
import * as MemoryMeters from "./internal/meters/memoryMeters.ts"

export type { Adjusted, Adjustment, Balances, LeaseAnswer, LeaseRequest, QuotaRule, RateRule } from "./internal/meters/contract.ts"
export { MetersError } from "./internal/meters/contract.ts"

/**
 * The shared balances. An operation takes part in no transaction of the caller's.
 * @category services
 * @since 0.1.0
 */
export class Meters extends Context.Service<Meters, Balances>()("effect-api-key/Meters") {}

/**
 * Balances in memory, which end with the program: for tests, and for repositories without meters of their own.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { ApiKeyHasher, ApiKeyRepository, ApiKeys } from "effect-api-key"
 * import * as Meters from "effect-api-key/Meters"
 *
 * // Several services of one program that spend from one balance.
 * const meters = Meters.layerMemory
 * const first = ApiKeys.layer.pipe(Layer.provide([ApiKeyHasher.layerEphemeral, ApiKeyRepository.layerMemory, meters]))
 * ```
 */
export const layerMemory: Layer.Layer<Meters> = Layer.effect(
  Meters,
  Effect.map(Clock.Clock, (clock) => Meters.of(MemoryMeters.make(() => clock.currentTimeMillisUnsafe()))),
)
