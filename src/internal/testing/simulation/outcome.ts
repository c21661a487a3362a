/** The outcome of a simulated history: counts of its events, or the broken promise. */
import * as Schema from "effect/Schema"

/**
 * A promise of verification was broken. The message tells how to repeat the history.
 * @category errors
 * @since 0.1.0
 */
export class SimulationFailure extends Schema.TaggedError<SimulationFailure>()("SimulationFailure", {
  seed: Schema.Int,
  steps: Schema.Int,
  step: Schema.Int,
  reason: Schema.String,
  /** The last events of the record concerned, and of the nodes. */
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
 * Counts of the events of a simulation. A simulation in which a count is 0 proves nothing about that case.
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  steps: number
  granted: number
  refused: number
  /** Answers by a state that had been replaced already. A node may give them before it hears of the change. */
  outdated: number
  /** Verifications that had to ask the store because the node wasn't in touch with the others. */
  outOfTouch: number
  changes: number
  confirmed: number
  unconfirmed: number
  /** Verifications and changes that were interrupted before they ended. */
  interrupted: number
  rotations: number
  /** Graces whose end was settled by the first use of the new token. */
  settled: number
  /** Graces that were ended by `endGrace`, or by `revoke` with the previous token. */
  endedGraces: number
  /** Tokens that were ended by `revoke`. */
  revoked: number
  /** Previous tokens that were let in. */
  grantedPrevious: number
  /** Previous tokens that were refused because their grace was over. */
  expiredPrevious: number
  /** Right tokens from before the previous one, which lead nowhere. */
  forgotten: number
  restarts: number
  /** Changes that were made, and reported as failed. */
  lostAnswers: number
  /** Changes that were made after they were reported as failed. */
  lateWrites: number
  /** Losses of the register of nodes. */
  lostRegisters: number
  /** Splits of the channel between the nodes, and of its register. */
  splits: number
  /** Verifications that a policy refused. */
  refusedByPolicy: number
  /** Verifications that were refused because the node didn't know a kind of policy. */
  unknownPolicies: number
  /** Tokens that were refused for their seal because the node knew that all tokens that work have a good one. */
  refusedUnsealed: number
  /** Tokens without a good seal that were let in. */
  grantedUnsealed: number
  /** Changes of a node's ring of sealing keys. */
  changedRings: number
  /** Events of changes that listeners heard. */
  heard: number
  /** Verifications that failed because the store was made to fail. */
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
  refusedUnsealed: 0,
  grantedUnsealed: 0,
  changedRings: 0,
  heard: 0,
  failed: 0,
})
