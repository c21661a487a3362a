export interface MeterStatistics {
  steps: number
  granted: number
  refused: number
  failed: number
  interrupted: number
  lostAnswers: number
  repeated: number
  late: number
  crashes: number
  stops: number
  changes: number
}

export declare const metersSimulation: <E>(name: string, layer: Layer.Layer<Meters, E>, options?: SimulationOptions) => void

export declare const simulateMeters: ({
  seed,
  steps,
}: {
  readonly seed: number
  readonly steps: number
}) => Effect.Effect<MeterStatistics, SimulationFailure, Meters>
