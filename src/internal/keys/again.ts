/** Judges and writes again when another write came between. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { RepositoryError, type VersionConflict } from "../../ApiKeyError.ts"

/** Reads, judges and writes once more after each `VersionConflict`, so that each write is of the state that was judged. */
export const again = <A, E extends { readonly _tag: string }>(write: Effect.Effect<A, E | VersionConflict>) =>
  write.pipe(
    Effect.retry({ while: ({ _tag }) => _tag === "VersionConflict", schedule: Schedule.recurs(attempts) }),
    Effect.catchIf(
      (error): error is VersionConflict => error._tag === "VersionConflict",
      (cause) => Effect.fail(new RepositoryError({ operation: "change a record that keeps changing", isRetryable: true, cause })),
    ),
  )

/** How often a write is tried again: of many at the same time one succeeds in each turn. */
const attempts = 100
