/** The end of a process that can't write. The module imports nothing of Effect, as the commands that are run most load little. */
import { writeSync } from "node:fs"
import { safeJson } from "../text/safe.ts"

let isWatched = false
let atStake: string | undefined

/** Says what is lost for good if what is printed next isn't read. */
export const putAtStake = (what: string): void => {
  atStake = what
}

/** A line for people, or the object for programs. */
export const renderFailure = (name: string, isJson: boolean, tag: string, message: string): string =>
  isJson ? safeJson({ error: { _tag: tag, message } }) : `${name}: ${message}`

/**
 * A reader that has had enough (`| head`) ends the process quietly; whatever else keeps standard output from being written, a full disk say,
 * does so with a line and exit code 1, and so does a reader that leaves before it has a token that can't be shown again.
 */
export const watchOutput = (name: string, isJson: boolean): void => {
  if (isWatched) return
  isWatched = true
  process.stdout.on("error", ({ code = "unknown" }: NodeJS.ErrnoException) => {
    if (code === "EPIPE" && atStake === undefined) process.exit(0)
    const message = `Standard output can't be written (${code})${atStake === undefined ? "" : `: ${atStake}`}`
    try {
      writeSync(2, `${renderFailure(name, isJson, "OutputFailed", message)}\n`)
    } catch {
      // Standard error is gone too.
    }
    process.exit(1)
  })
  process.stderr.on("error", ({ code }: NodeJS.ErrnoException) => process.exit(code === "EPIPE" ? 0 : 1))
}
