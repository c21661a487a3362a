import { Effect } from "effect"

/** Runs `body` one after the other in a single fiber, with nothing around it that allocates. */
export const inOneFiber = <E>(count: number, body: (index: number) => Effect.Effect<unknown, E>): Promise<void> => {
  let index = 0
  return Effect.runPromise(Effect.whileLoop({ while: () => index < count, body: () => body(index++), step: () => undefined }))
}

/** Takes an outcome as it comes, for loops in which some or all calls fail. */
export const settled = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<void> =>
  Effect.match(effect, { onFailure: () => undefined, onSuccess: () => undefined })
