import type { PlatformError } from "effect/PlatformError"
import { CliFailure } from "./CliFailure.ts"

/** A file that can't be read or written, and why. */
export const fileFailure =
  (what: "read" | "written", path: string) =>
  (error: PlatformError): CliFailure =>
    new CliFailure({ exitCode: 1, tag: "FileError", reason: `${path} can't be ${what} (${error.reason._tag})` })
