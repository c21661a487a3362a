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
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { CliFailure, exitCodes, scrub } from "./CliFailure.ts"
import { refuseSecret } from "./keyName.ts"
import { standalone } from "./standalone.ts"

const version = "0.1.0"

interface Style {
  readonly isJson: boolean
  readonly isColored: boolean
  readonly isServer: boolean
}

const oneLine = (text: string): string => scrub(text.trim().replace(/\s*\n\s*/g, " "))

const renderFailure = ({ isJson }: Style, tag: string, message: string): string =>
  isJson ? JSON.stringify({ error: { _tag: tag, message: oneLine(message) } }) : `effect-api-key: ${oneLine(message)}`

const layerOutput = (style: Style): Layer.Layer<never> => {
  const formatter: CliOutput.Formatter = {
    ...CliOutput.defaultFormatter({ colors: style.isColored }),
    formatError: (error) => {
      const cause = error._tag === "UserError" ? error.cause : undefined
      return cause instanceof CliFailure ? renderFailure(style, cause.tag, cause.reason) : renderFailure(style, error._tag, error.message)
    },
  }
  const presenter: CliOutput.Presenter = {
    present: (event) => {
      if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
      const [first] = event.errors
      if (first?._tag === "UserError") return Console.error(formatter.formatError(first))
      const help = `${event.commandPath.join(" ")} --help`
      const message = (first?.message ?? "Invalid").replace(/\.$/, "")
      return Console.error(renderFailure(style, first?._tag ?? "Usage", style.isJson ? message : `${message} (see ${help})`))
    },
  }
  const logger = Logger.make(({ logLevel, message }) => {
    const text = oneLine(
      (Array.isArray(message) ? message : [message]).map((each) => (each instanceof Error ? each.message : String(each))).join(" "),
    )
    process.stderr.write(
      `${style.isJson ? JSON.stringify({ log: { level: logLevel, message: text } }) : `effect-api-key: ${logLevel.toLowerCase()}: ${text}`}\n`,
    )
  })
  return Layer.mergeAll(
    CliOutput.layer(formatter),
    CliOutput.layerPresenter(presenter),
    Logger.layer([logger]),
    // A command that goes wrong says so itself.
    Layer.succeed(References.MinimumLogLevel, style.isServer ? "Info" : "Error"),
    // A wizard would ask for what there are prompts for.
    CliConfig.layer({ builtIns: GlobalFlag.BuiltIns.filter((flag) => flag !== GlobalFlag.Wizard) }),
  )
}

const codeOf = <A, E>(exit: Exit.Exit<A, E>): number => {
  if (Exit.isSuccess(exit)) return exitCodes.done
  if (Cause.hasInterruptsOnly(exit.cause)) return 130
  const error = Cause.squash(exit.cause)
  if (error instanceof CliFailure) return error.exitCode
  if (!CliError.isCliError(error)) return exitCodes.failed
  return error._tag === "ShowHelp" && error.errors.length === 0 ? exitCodes.done : exitCodes.usage
}

/** Runs the whole command line, and ends the process. */
export const run = (args: ReadonlyArray<string>): void => {
  const end = args.indexOf("--")
  const flags = end < 0 ? args : args.slice(0, end)
  const capabilities = Context.get(Context.empty(), TerminalCapabilities)
  const isColored = capabilities.canColor && !flags.includes("--no-color")
  const isServer = args[0] === "serve"
  const style = { isJson: flags.includes("--json"), isColored, isServer }
  const hasSecret = flags.some((flag) => /^--(?:token|secret|pepper|password)(?:=|$)/.test(flag))

  const report = (cause: Cause.Cause<unknown>) => {
    const error = Cause.squash(cause)
    // What is a failure of ours, or of the command line, was told already.
    if (Cause.hasInterruptsOnly(cause) || CliError.isCliError(error) || error instanceof CliFailure) return Effect.void
    const message = error instanceof Error ? error.message : String(error)
    return Console.error(renderFailure(style, "Unexpected", `Something went wrong inside effect-api-key: ${message}`))
  }

  const refused = Effect.andThen(Console.error(renderFailure(style, refuseSecret.tag, refuseSecret.reason)), Effect.fail(refuseSecret))
  const program: Effect.Effect<void, unknown, Command.Environment> = hasSecret ? refused : Command.runWith(standalone, { version })(args)
  program.pipe(
    Effect.tapCause(report),
    Effect.provideService(TerminalCapabilities, {
      ...capabilities,
      canColor: isColored,
      canPrompt: capabilities.canPrompt && !style.isJson,
    }),
    Effect.provide([layerOutput(style), NodeServices.layer]),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      teardown: (exit, onExit) => onExit(isServer && !Exit.isSuccess(exit) && Cause.hasInterruptsOnly(exit.cause) ? 0 : codeOf(exit)),
    }),
  )
}
