/**
 * Runs a command line as `effect-api-key` itself runs. A failure is one line, or an object with `--json`, and has an exit code of
 * {@link exitCodes}. Help is printed only on request. A reader that closes the output ends the process quietly. The module needs
 * `@effect/platform-node`.
 *
 * ```ts
 * import { ApiKeys } from "effect-api-key"
 * import * as ApiKeyCommands from "effect-api-key/cli"
 * import { runMain } from "effect-api-key/cli/CommandLine"
 * import { Command } from "effect/cli"
 *
 * const shop = Command.make("shop").pipe(
 *   Command.withSubcommands([ApiKeyCommands.command]),
 *   Command.provide(ApiKeys.layerMemory),
 * )
 *
 * runMain(shop, { version: "1.0.0" })
 * ```
 * @since 0.1.0
 */
import { userInfo } from "node:os"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import type { HelpDoc } from "effect/cli/HelpDoc"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Predicate from "effect/Predicate"
import * as References from "effect/References"
import * as Runtime from "effect/Runtime"
import { type Actor, CurrentActor } from "../ApiKeyEvents.ts"
import { safeJson, safeLine } from "../internal/text/safe.ts"
import { CliFailure, exitCodes } from "../internal/cli/CliFailure.ts"
import { completions } from "../internal/cli/completions.ts"
import { hasToken, refusePepper, refuseSecret } from "../internal/cli/keyName.ts"
import { renderFailure, watchOutput } from "../internal/cli/streams.ts"

/** @category models @since 0.1.0 */
export interface Options {
  /** The version that `--version` prints. */
  readonly version: string
  /** Default: the arguments of the process. */
  readonly args?: ReadonlyArray<string> | undefined
  /** Whether the command is a server. A server logs, and a signal ends it with exit code 0. Default: no. */
  readonly isServer?: boolean | undefined
}

interface Style {
  /** The name of the program, which precedes its messages to people. */
  readonly name: string
  readonly args: ReadonlyArray<string>
  readonly isJson: boolean
  readonly isColored: boolean
  readonly isServer: boolean
}

const failureLine = ({ name, isJson }: Style, tag: string, message: string): string => renderFailure(name, isJson, tag, safeLine(message))

const layerOutput = (style: Style, refused: () => void): Layer.Layer<never> => {
  const ofEffect = CliOutput.defaultFormatter({ colors: style.isColored })
  const formatter: CliOutput.Formatter = {
    ...ofEffect,
    formatHelpDoc: (doc) => ofEffect.formatHelpDoc(ofProgram(doc)),
    formatError: (error) => {
      const cause = error._tag === "UserError" ? error.cause : undefined
      if (cause instanceof CliFailure) return failureLine(style, cause.tag, cause.reason)
      const tag = Predicate.hasProperty(cause, "_tag") ? String(cause._tag) : error._tag
      return failureLine(style, tag, error.message)
    },
  }
  const refuse = (tag: string, message: string) =>
    Effect.andThen(
      Effect.sync(() => refused()),
      Console.error(failureLine(style, tag, message)),
    )
  const presenter: CliOutput.Presenter = {
    present: (event) => {
      if (event._tag === "Version") return CliOutput.defaultPresenter.present(event)
      const { commandPath } = event
      const see = (message: string) => (style.isJson ? message : `${message.replace(/\.$/, "")} (see ${commandPath.join(" ")} --help)`)
      if (event._tag === "Help") {
        const unknown = event.reason === "Requested" ? unknownCommand(style.args, event) : undefined
        return unknown === undefined
          ? CliOutput.defaultPresenter.present(event)
          : refuse("UnknownSubcommand", see(`Unknown subcommand ${JSON.stringify(unknown)}`))
      }
      const [first] = event.errors
      if (first?._tag === "UserError") return Console.error(formatter.formatError(first))
      const secret = event.errors.flatMap((error) => whySecret(error) ?? [])[0] ?? (style.args.some(hasToken) ? refuseSecret : undefined)
      if (secret !== undefined) return Console.error(failureLine(style, secret.tag, secret.reason))
      return Console.error(failureLine(style, first?._tag ?? "Usage", see(explain(first, style.args))))
    },
  }
  const logger = Logger.make(({ cause, logLevel, message }) => {
    const error = cause.reasons.length === 0 ? [] : [Cause.squash(cause)]
    const text = safeLine([message, error].flat().map(toText).join(" "))
    process.stderr.write(
      `${style.isJson ? safeJson({ log: { level: logLevel, message: text } }) : `${style.name}: ${logLevel.toLowerCase()}: ${text}`}\n`,
    )
  })
  return Layer.mergeAll(
    CliOutput.layer(formatter),
    CliOutput.layerPresenter(presenter),
    Logger.layer([logger]),
    // A command that fails prints its failure itself, so its log holds errors alone.
    Layer.succeed(References.MinimumLogLevel, style.isServer ? "Info" : "Error"),
    // The commands have prompts of their own, so Effect's wizard is left out.
    CliConfig.layer({
      builtIns: GlobalFlag.BuiltIns.flatMap((flag) =>
        flag === GlobalFlag.Wizard ? [] : [flag === GlobalFlag.Completions ? completions : flag],
      ),
    }),
  )
}

/** Renders one part of a log message. An object becomes `id=… keyId=…`. */
const toText = (logged: unknown): string => {
  if (logged instanceof Error) return logged.message
  if (typeof logged !== "object" || logged === null) return String(logged)
  return Object.entries(logged)
    .map(([field, value]) => `${field}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ")
}

/** The examples name `effect-api-key`. The path of the parent command takes its place. */
const ofProgram = (doc: HelpDoc): HelpDoc => {
  const parent = (doc.commandPath ?? []).slice(0, -1).join(" ")
  if (parent === "" || doc.examples === undefined) return doc
  const renamed = doc.examples.map((example) => ({ ...example, command: example.command.replaceAll("effect-api-key", parent) }))
  return { ...doc, examples: renamed }
}

/** The name of an unknown command whose help was asked for. Effect would show the help of its parent instead. */
const unknownCommand = (args: ReadonlyArray<string>, { commandPath, helpDoc }: CliOutput.Presenter.Help): string | undefined => {
  const asked = args[commandPath.length - 1]
  const isGroup = helpDoc.subcommands !== undefined && helpDoc.subcommands.length > 0
  return isGroup && asked !== undefined && !asked.startsWith("-") ? asked : undefined
}

/** Refuses an unrecognized flag with a name for a secret. A command of the application may have such a flag. */
const whySecret = (error: CliError.CliError): CliFailure | undefined => {
  if (error._tag !== "UnrecognizedOption") return undefined
  if (error.option.startsWith("--pepper")) return refusePepper
  return /^--(?:token|secret|password)$/.test(error.option) ? refuseSecret : undefined
}

/** The message for an error in the arguments. Effect's own message stays where it tells people what to do. */
const explain = (error: CliError.CliError | undefined, args: ReadonlyArray<string>): string => {
  if (error === undefined) return "Invalid"
  switch (error._tag) {
    case "UnrecognizedOption":
      return suggest(`Unrecognized flag: ${error.option}`, error.suggestions)
    case "UnknownSubcommand":
      return suggest(`Unknown subcommand ${JSON.stringify(error.subcommand)}`, error.suggestions)
    case "InvalidValue": {
      const flag = `--${error.option}`
      const next = args[args.indexOf(flag) + 1]
      if (error.kind === "flag" && error.value === "" && args.includes(flag) && next !== undefined && next.startsWith("-"))
        return `${flag} needs a value. One that begins with - is written ${flag}=${next}`
      // A long value would hide the rest of the message.
      return error.value.length > 80 ? error.message.replace(error.value, `${error.value.slice(0, 40)}…`) : error.message
    }
    default:
      return error.message
  }
}

const suggest = (message: string, suggestions: ReadonlyArray<string>): string =>
  suggestions.length === 0 ? message : `${message}. Did you mean ${suggestions.join(" or ")}?`

const codeOf = (cause: Cause.Cause<unknown>): number => {
  const error = Cause.squash(cause)
  if (!CliError.isCliError(error)) return Runtime.getErrorExitCode(error)
  if (error._tag === "UserError" && error.cause instanceof CliFailure) return error.cause.exitCode
  if (error._tag !== "ShowHelp") return exitCodes.usage
  const [first] = error.errors
  if (first === undefined) return exitCodes.done
  return first._tag === "UserError" && first.cause instanceof CliFailure ? first.cause.exitCode : exitCodes.usage
}

/** The system may have no name for the user, for example in a container. */
const person = (): Actor => {
  try {
    return { _tag: "CommandLine", user: userInfo().username }
  } catch {
    return { _tag: "CommandLine" }
  }
}

/**
 * Runs a command line with the arguments of the process, and ends the process. Node's services are provided here. `Command.provide` gives the
 * command all other services.
 * @category running
 * @since 0.1.0
 */
export const runMain = <Name extends string, Input, ContextInput, E>(
  command: Command.Command<Name, Input, ContextInput, E, Command.Environment>,
  { version, args = process.argv.slice(2), isServer = false }: Options,
): void => {
  const end = args.indexOf("--")
  const flags = end < 0 ? args : args.slice(0, end)
  const capabilities = Context.get(Context.empty(), TerminalCapabilities)
  const isColored = capabilities.canColor && !flags.includes("--no-color")
  const style = { name: command.name, args: flags, isJson: flags.includes("--json"), isColored, isServer }
  watchOutput(style.name, style.isJson)

  const report = (cause: Cause.Cause<unknown>) => {
    const error = Cause.squash(cause)
    // Errors with a message for people have been printed already.
    const isTold = CliError.isCliError(error) || (Predicate.isObject(error) && CliError.getUserMessage(error) !== undefined)
    if (Cause.hasInterruptsOnly(cause) || isTold) return Effect.void
    const message = error instanceof Error ? error.message : String(error)
    return Console.error(failureLine(style, "Unexpected", `Something went wrong inside ${style.name}: ${message}`))
  }

  let isRefused = false
  let isTerminated = false
  process.once("SIGTERM", () => (isTerminated = true))
  Command.runWith(command, { version })(args).pipe(
    Effect.tapCause(report),
    Effect.provideService(CurrentActor, person()),
    Effect.provideService(TerminalCapabilities, {
      ...capabilities,
      canColor: isColored,
      canPrompt: capabilities.canPrompt && !style.isJson,
    }),
    Effect.provide([layerOutput(style, () => (isRefused = true)), NodeServices.layer]),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      teardown: (exit, onExit) => {
        if (Exit.isSuccess(exit)) return onExit(isRefused ? exitCodes.usage : exitCodes.done)
        if (!Cause.hasInterruptsOnly(exit.cause)) return onExit(codeOf(exit.cause))
        return onExit(isServer ? exitCodes.done : isTerminated ? 143 : 130)
      },
    }),
  )
}
