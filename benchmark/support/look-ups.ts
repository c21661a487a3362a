/** A repository that counts its look-ups, to be sure that a benchmark is as cold or as warm as it says. */
import { Effect, Layer } from "effect"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"

export const lookUps = { count: 0 }

/** Counts the look-ups of the repository that `layer` builds. */
export const counting = <E, R>(layer: Layer.Layer<ApiKeyRepository, E, R>): Layer.Layer<ApiKeyRepository, E, R> =>
  Layer.effect(
    ApiKeyRepository,
    Effect.map(ApiKeyRepository, (repository) => ({
      ...repository,
      findByKeyId: (keyId) => {
        lookUps.count++
        return repository.findByKeyId(keyId)
      },
    })),
  ).pipe(Layer.provide(layer))
