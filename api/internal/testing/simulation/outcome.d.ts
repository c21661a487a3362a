declare const SimulationFailure_base: Schema.Class<
  SimulationFailure,
  Schema.TaggedStruct<
    "SimulationFailure",
    {
      readonly seed: Schema.Int
      readonly steps: Schema.Int
      readonly step: Schema.Int
      readonly reason: Schema.String
      readonly history: Schema.$Array<Schema.String>
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class SimulationFailure extends SimulationFailure_base {
  get message(): string
}

export interface Statistics {
  steps: number
  granted: number
  refused: number
  outdated: number
  outOfTouch: number
  changes: number
  confirmed: number
  unconfirmed: number
  interrupted: number
  rotations: number
  settled: number
  endedGraces: number
  revoked: number
  grantedPrevious: number
  expiredPrevious: number
  forgotten: number
  restarts: number
  lostAnswers: number
  lateWrites: number
  lostRegisters: number
  splits: number
  refusedByPolicy: number
  unknownPolicies: number
  refusedUnsealed: number
  grantedUnsealed: number
  changedRings: number
  heard: number
  failed: number
}
