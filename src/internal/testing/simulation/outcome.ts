/** What comes of a simulated history: how often each thing happened, or the promise that was broken. */
import * as Schema from "effect/Schema"

/**
 * A promise of verification was broken. The message tells how to see it again.
 * @category errors
 * @since 0.1.0
 */
export class SimulationFailure extends Schema.TaggedError<SimulationFailure>()("SimulationFailure", {
  seed: Schema.Int,
  steps: Schema.Int,
  step: Schema.Int,
  reason: Schema.String,
  /** What was done to the record concerned, and to the nodes. */
  history: Schema.Array(Schema.String),
}) {
  override get message(): string {
    return [
      `Seed ${this.seed}, step ${this.step}: ${this.reason}`,
      `To see it again: SIMULATION_SEED=${this.seed} SIMULATION_STEPS=${this.steps}`,
      ...this.history,
    ].join("\n")
  }
}

/**
 * How often what happened in a simulation: it proves little where what is of interest didn't happen.
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  steps: number
  granted: number
  refused: number
  /** Answers by a state that had been replaced already, as a node may give before it hears of the change. */
  outdated: number
  /** Verifications that had to ask the store, as the node wasn't in touch with the others. */
  outOfTouch: number
  changes: number
  confirmed: number
  unconfirmed: number
  /** Verifications and changes whose callers gave up on them. */
  interrupted: number
  rotations: number
  /** Graces whose end was settled by the first use of the new token. */
  settled: number
  /** Graces that were ended on purpose, as one of a revoked token. */
  endedGraces: number
  /** Tokens that were ended by somebody who had them. */
  revoked: number
  /** Previous tokens that were let in. */
  grantedPrevious: number
  /** Previous tokens that were refused as theirs was over. */
  expiredPrevious: number
  /** Right tokens from before the previous one, which lead nowhere. */
  forgotten: number
  restarts: number
  /** Changes that were made, and said to have failed. */
  lostAnswers: number
  /** Changes that were made after they were said to have failed. */
  lateWrites: number
  /** How often the register of nodes was lost. */
  lostRegisters: number
  /** How often the channel between the nodes was split, and its register with it. */
  splits: number
  /** Verifications that a policy refused. */
  refusedByPolicy: number
  /** Verifications that were refused as the node didn't know a kind of policy. */
  unknownPolicies: number
  /** Changes of which a listener was told. */
  heard: number
  /** Verifications that failed as the store was made to. */
  failed: number
}

export const noStatistics = (): Statistics => ({
  steps: 0,
  granted: 0,
  refused: 0,
  outdated: 0,
  outOfTouch: 0,
  changes: 0,
  confirmed: 0,
  unconfirmed: 0,
  interrupted: 0,
  rotations: 0,
  settled: 0,
  endedGraces: 0,
  revoked: 0,
  grantedPrevious: 0,
  expiredPrevious: 0,
  forgotten: 0,
  restarts: 0,
  lostAnswers: 0,
  lateWrites: 0,
  lostRegisters: 0,
  splits: 0,
  refusedByPolicy: 0,
  unknownPolicies: 0,
  heard: 0,
  failed: 0,
})
