/** Ends a process whose output can't be written. The module imports nothing of Effect, as it is loaded for every command (decision 0017). */
import { writeSync } from "node:fs"
import { safeJson } from "../text/safe.ts"

let isWatched = false
let atStake: string | undefined

/** Sets the message about the loss if the next output can't be written. */
export const putAtStake = (loss: string): void => {
  atStake = loss
}

/** Renders a failure as a line for people, or as an object for programs. */
export const renderFailure = (name: string, isJson: boolean, tag: string, message: string): string =>
  isJson ? safeJson({ error: { _tag: tag, message } }) : `${name}: ${message}`

/**
 * Ends the process if standard output can't be written. If the reader has closed it (`| head`), the end is quiet.
 *
 * Any other reason, such as a full disk, gives a line and exit code 1. So does a reader that closes while an irretrievable token is at stake.
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
