import type { PlatformError } from "effect/PlatformError"
import { CliFailure } from "./CliFailure.ts"

/** The failure of a file that can't be read or written, with the reason. */
export const fileFailure =
  (attempt: "read" | "written", path: string) =>
  (error: PlatformError): CliFailure =>
    new CliFailure({ exitCode: 1, tag: "FileError", reason: `${path} can't be ${attempt} (${error.reason._tag})` })
