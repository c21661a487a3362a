import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { ApiKey, UsedToken } from "./ApiKey.ts"
import type { InvalidKey, RepositoryError } from "./ApiKeyError.ts"
import type { LimitState } from "./RateLimit.ts"
export interface Subject {
  readonly apiKey: ApiKey
  readonly usedToken: UsedToken
}
export interface Presented {
  readonly scopes?: ReadonlyArray<string> | undefined
  readonly cost?: number | undefined
  readonly address?: string | undefined
  readonly countsAsUse?: boolean | undefined
}
export interface Taken {
  readonly giveBack: Effect.Effect<void>
  readonly limits?: ReadonlyArray<LimitState> | undefined
}
export type Rule = (subject: Subject, use: Presented, now: number) => InvalidKey | undefined
export type Meter = (subject: Subject, use: Presented) => Effect.Effect<Taken, InvalidKey | RepositoryError>
export interface Compiled {
  readonly rule?: Rule | undefined
  readonly meter?: Meter | undefined
}
export interface KeyPolicy {
  readonly kind: string
  readonly compile: (value: unknown) => Exit.Exit<Compiled, Schema.SchemaError>
}
export declare const make: <A, I extends Schema.Json>(policy: {
  readonly kind: string
  readonly schema: Schema.Codec<A, I>
  readonly compile: (value: A) => Compiled
}) => KeyPolicy
