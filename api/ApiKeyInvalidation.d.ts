import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
declare const InvalidationError_base: Schema.Class<
  InvalidationError,
  Schema.TaggedStruct<
    "InvalidationError",
    {
      readonly operation: Schema.String
      readonly cause: Schema.Defect
    }
  >,
  import("effect/Cause").YieldableError
>
export declare class InvalidationError extends InvalidationError_base {
  get message(): string
}
declare const ApiKeyInvalidation_base: Context.ServiceClass<
  ApiKeyInvalidation,
  "effect-api-key/ApiKeyInvalidation",
  {
    readonly announcesWrites: boolean
    readonly publish: (message: string) => Effect.Effect<void, InvalidationError>
    readonly subscribe: Effect.Effect<Queue.Dequeue<string, InvalidationError>, InvalidationError, Scope.Scope>
    readonly register: (node: string, lease: Duration.Duration) => Effect.Effect<void, InvalidationError>
    readonly unregister: (node: string) => Effect.Effect<void, InvalidationError>
    readonly nodes: Effect.Effect<ReadonlyArray<string>, InvalidationError>
    readonly registerAge?: Effect.Effect<Duration.Duration, InvalidationError>
    readonly advice?: string
  }
>
export declare class ApiKeyInvalidation extends ApiKeyInvalidation_base {}
export {}
