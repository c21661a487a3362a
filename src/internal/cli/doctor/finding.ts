/** The findings of `doctor`, and the texts for failures. */
import * as Cause from "effect/Cause"
import * as Predicate from "effect/Predicate"
import { rootMessage } from "../../text/rootMessage.ts"
import { CliFailure } from "../CliFailure.ts"
import type { Finding as FindingSchema } from "../Json.ts"

export type Finding = typeof FindingSchema.Type

export const ok = (check: Finding["check"], message: string): Finding => ({ check, level: "ok", message, advice: null })
export const warning = (check: Finding["check"], message: string, advice: string): Finding => ({ check, level: "warning", message, advice })
export const error = (check: Finding["check"], message: string, advice: string): Finding => ({ check, level: "error", message, advice })

/** The tag of the typed error behind a failure. */
export const tagOf = (cause: Cause.Cause<unknown>): string | undefined => {
  const failure = Cause.squash(cause)
  if (failure instanceof CliFailure) return failure.tag
  return Predicate.hasProperty(failure, "_tag") ? String(failure._tag) : undefined
}

export const messageOf = (cause: Cause.Cause<unknown>): string => rootMessage(Cause.squash(cause))

/** The message of a finding, and its advice. */
export const splitAdvice = (cause: Cause.Cause<unknown>): readonly [message: string, advice: string] => {
  const failure = Cause.squash(cause)
  const message = rootMessage(failure)
  return failure instanceof CliFailure && failure.advice !== undefined
    ? [message.replace(`: ${failure.advice}`, ""), capitalise(failure.advice)]
    : [`It can't be used: ${message}`, databaseAdvice[tagOf(cause) ?? ""] ?? "See that it runs, and that its files are whole"]
}

export const capitalise = (text: string): string => text.replace(/^./, (letter) => letter.toUpperCase())

export const databaseAdvice: Readonly<Record<string, string>> = {
  MissingPackage: "Install the package",
  DataDirLocked: "Ask the server that has it, with --url, or stop it first",
}

/** The advice about parts that a repair makes anew. */
export const repairAdvice = "Run: effect-api-key migrate --repair"
