import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/** How many rows a stream reads at once. */
export const batchSize = 500

/** Reads batch after batch, each after the last item of the one before, until one isn't full. */
export const inBatches = <A, Position, E>(
  read: (after: Position | undefined) => Effect.Effect<ReadonlyArray<A>, E>,
  positionOf: (item: A) => Position,
): Stream.Stream<A, E> =>
  Stream.paginate(Option.none<Position>(), (after) =>
    Effect.map(read(Option.getOrUndefined(after)), (items) => {
      const last = items.at(-1)
      const next = last !== undefined && items.length === batchSize ? Option.some(Option.some(positionOf(last))) : Option.none()
      return [items, next] as const
    }),
  )
