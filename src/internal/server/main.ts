/** The entry of `npm start`. The exit code is 0 after SIGTERM or SIGINT. A failure to start gives 1 and a line on standard error. */
import "./threadPool.ts"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as SchemaIssue from "effect/SchemaIssue"
import { layer } from "../../server.ts"

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1()

const describe = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  if (error instanceof Config.ConfigError && error.cause._tag === "SchemaError") {
    const [first] = formatIssues(error.cause.issue).issues
    return `${(first?.path ?? []).map(String).join("_")}: ${first?.message ?? "invalid"}`.replace(/\s+/g, " ")
  }
  const inner = error instanceof Error && error.cause instanceof Error && error.message === "" ? error.cause : error
  return (inner instanceof Error ? inner.message : String(inner)).replace(/\s+/g, " ")
}

Layer.launch(layer).pipe(
  Effect.tapCause((cause) => (Cause.hasInterruptsOnly(cause) ? Effect.void : Console.error(`effect-api-key: ${describe(cause)}`))),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1),
  }),
)
