/** Batches of files for threads, and the lines of the matches that threads find. */
import * as Effect from "effect/Effect"
import type * as Files from "./files.ts"
import type { Outcome, Part } from "./job.ts"
import * as Locator from "./locator.ts"
import type * as Pool from "./pool.ts"

/** The size is large enough that handing a batch to a thread costs little. Matches in a whole batch still need little memory. */
const batchSize = 4 * 1024 * 1024
const batchFiles = 256

export interface Batch {
  readonly parts: Array<Part>
  readonly size: number
}

export const emptyBatch = (): Batch => ({ parts: [], size: 0 })

/** Small files are read together, and large ones in parts. Gives the batch that isn't full yet, and the full batches. */
export const addToBatch = (batch: Batch, entries: ReadonlyArray<Files.Entry>): readonly [Batch, ReadonlyArray<Batch>] => {
  const full: Array<Batch> = []
  let { parts, size } = batch
  for (const { path, follow, size: fileSize } of entries) {
    for (let from = 0; from === 0 || from < fileSize; from += batchSize) {
      const isLast = from + batchSize >= fileSize
      parts.push(isLast ? { path, from, follow } : { path, from, to: from + batchSize, follow })
      size += Math.min(batchSize, fileSize - from)
      if (size >= batchSize || parts.length >= batchFiles) {
        full.push({ parts, size })
        parts = []
        size = 0
      }
    }
  }
  return [{ parts, size }, full]
}

/** The file that was read last, and the place up to which its lines have been counted. */
export interface LastFile {
  readonly path: string | undefined
  readonly position: Locator.Position
}

export const noFile = (): LastFile => ({ path: undefined, position: Locator.start() })

/** An outcome with the lines and columns of all its finds. */
export interface LocatedOutcome extends Outcome {
  readonly located: ReadonlyArray<Locator.Located>
}

/** Counts the lines of a file's later parts. Counting goes on from the place where the last count ended. */
export const locate = (
  pool: Pool.Pool,
  last: LastFile,
  outcomes: ReadonlyArray<Outcome>,
): Effect.Effect<readonly [LastFile, ReadonlyArray<LocatedOutcome>]> =>
  Effect.gen(function* () {
    const done: Array<LocatedOutcome> = []
    for (const outcome of outcomes) {
      const { part, matches, located } = outcome
      if (located !== undefined || matches.length === 0) {
        done.push({ ...outcome, located: located ?? [] })
        continue
      }
      // A file that was named twice begins again.
      const goesOn = part.path === last.path && matches.every(({ offset }) => offset >= last.position.offset)
      const position = goesOn ? last.position : Locator.start()
      for (const counted of yield* pool.run({ _tag: "Locate", part, position, matches })) {
        last = { path: part.path, position: counted.position ?? position }
        done.push({ ...outcome, located: counted.located ?? [] })
      }
    }
    return [last, done]
  })
