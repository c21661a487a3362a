import type * as Duration from "effect/Duration"
export interface Options {
  readonly entries?: number | undefined
  readonly bytes?: number | undefined
  readonly timeToLive?: Duration.Input | undefined
  readonly refusals?: number | undefined
  readonly refusalTimeToLive?: Duration.Input | undefined
}
