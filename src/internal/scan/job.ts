/**
 * The jobs of a worker thread, or of the main one. The module is without Effect, so that a thread starts fast. Functions of the file system are
 * synchronous, as a thread has no other work.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs"
import * as Locator from "./locator.ts"
import * as Matcher from "./matcher.ts"
import * as Window from "./window.ts"

/** A file, or a part of a file in which tokens start. Paths are bytes, one in each character, as names needn't be UTF-8. */
export interface Part {
  readonly path: string
  readonly from: number
  /** Absent for the end of the file. */
  readonly to?: number
  /** Whether the path may be a symbolic link. */
  readonly follow: boolean
}

export type Job =
  | { readonly _tag: "Scan"; readonly parts: ReadonlyArray<Part> }
  | { readonly _tag: "Locate"; readonly part: Part; readonly position: Locator.Position; readonly matches: ReadonlyArray<Matcher.Match> }

/** The result for a part. */
export interface Outcome {
  readonly part: Part
  readonly matches: ReadonlyArray<Matcher.Match>
  /** The matches with lines and columns, if the part begins at the start of the file. */
  readonly located?: ReadonlyArray<Locator.Located>
  /** The position behind the last located match. */
  readonly position?: Locator.Position
  readonly failure?: Failure
}

/** The reason why a file couldn't be read, in a form that threads can send. */
export interface Failure {
  readonly code: string
  readonly message: string
}

/** Makes the function that does jobs. */
export const makeRunner = (patterns: ReadonlyArray<Matcher.Pattern>): ((job: Job) => ReadonlyArray<Outcome>) => {
  const window = Window.make(Matcher.make(patterns))
  return (job) => {
    if (job._tag === "Locate") return [locateIn(job.part, job.position, job.matches)]
    const outcomes: Array<Outcome> = []
    for (const part of job.parts) {
      const outcome = scan(window, part)
      if (outcome !== undefined) outcomes.push(outcome)
    }
    return outcomes
  }
}

const scan = (window: Window.Window, part: Part): Outcome | undefined => {
  const matches: Array<Matcher.Match> = []
  const failure = withFile(part, (file, size) => {
    // Bytes that are written meanwhile don't count. Files that aren't on a disk may report a size of 0.
    const end = size === 0 ? Infinity : size
    let offset = window.reset(part.from)
    for (let last = false; !last;) {
      const taken = readSync(file, window.space(), { position: offset })
      window.take(taken)
      offset += taken
      last = taken === 0 || offset >= end || window.given() >= (part.to ?? Infinity)
      for (const match of window.matches(last, part.to)) matches.push(match)
    }
  })
  if (matches.length === 0) return failure === undefined ? undefined : { part, matches, failure }
  const outcome = { part, matches, ...(failure === undefined ? undefined : { failure }) }
  return part.from > 0 ? outcome : { ...outcome, located: locateIn(part, Locator.start(), matches).located }
}

/**
 * Reads the file again, from the position to the last match. If the file can't be read any more, matches are located by the bytes that were
 * read.
 */
const locateIn = (part: Part, position: Locator.Position, matches: ReadonlyArray<Matcher.Match>) => {
  const located: Array<Locator.Located> = []
  const failure = withFile(part, (file) => {
    const buffer = Buffer.allocUnsafe(64 * 1024)
    for (let next = matches[0]; next !== undefined;) {
      const base = position.offset
      const taken = readSync(file, buffer, { position: base })
      if (taken === 0) return
      while (next !== undefined && next.offset <= base + taken) {
        Locator.advance(position, buffer, base, next.offset)
        located.push(Locator.locate(position, next))
        next = matches[located.length]
      }
      if (next !== undefined) Locator.advance(position, buffer, base, base + taken)
    }
  })
  for (const match of matches.slice(located.length)) located.push(Locator.locate(position, match))
  return { part, matches, located, position, ...(failure === undefined ? undefined : { failure }) }
}

// With these flags opening a pipe without a writer doesn't block. Windows has neither flag, and needs none.
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)
const noFollow = constants.O_NOFOLLOW ?? 0

/** Runs a function on the open file, and gives the failure to read it. A file that was deleted since the listing is none. */
const withFile = (part: Part, use: (file: number, size: number) => void): Failure | undefined => {
  let file: number | undefined
  // The thread has no Effect to catch errors of the file system.
  try {
    file = openSync(Buffer.from(part.path, "latin1"), part.follow ? flags : flags | noFollow)
    const stats = fstatSync(file)
    if (!stats.isFile()) return { code: "ENOTFILE", message: "no longer a regular file" }
    use(file, stats.size)
    return undefined
  } catch (cause) {
    const failure = failureOf(cause)
    return failure.code === "ENOENT" || failure.code === "ENOTDIR" ? undefined : failure
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/** The code and message of the file system's error. */
export const failureOf = (cause: unknown): Failure => ({
  code: cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "EUNKNOWN",
  message: cause instanceof Error ? cause.message : String(cause),
})
