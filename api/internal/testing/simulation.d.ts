export interface SimulationOptions {
  readonly seed?: number | undefined
  readonly steps?: number | undefined
}

export declare const verificationSimulation: <E>(name: string, layer: Layer.Layer<ApiKeyRepository, E>, options?: SimulationOptions) => void

export declare const simulate: ({
  seed,
  steps,
}: {
  readonly seed: number
  readonly steps: number
}) => Effect.Effect<Statistics, SimulationFailure, ApiKeyRepository>
