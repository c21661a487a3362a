import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { safeJson } from "../../text/safe.ts"
import { CliFailure } from "../CliFailure.ts"
import * as Json from "../Json.ts"
import { onDatabase } from "../keyLayers.ts"
import { look } from "../output.ts"
import * as Settings from "../settings.ts"

const symbols = { ok: "✓", warning: "!", error: "✗" } as const
const styles = { ok: "green", warning: "yellow", error: "red" } as const

/** Checks the configuration and the database. */
export const doctor = Command.make(
  "doctor",
  {},
  Effect.fnUntraced(function* () {
    yield* onDatabase("doctor")
    const { examine } = yield* Effect.promise(() => import("../doctor.ts"))
    const findings = yield* examine
    if (yield* Settings.Json) {
      const encode = Schema.encodeSync(Json.Finding)
      yield* Effect.forEach(findings, (finding) => Console.log(safeJson(encode(finding))), { discard: true })
    } else {
      const { style } = yield* look
      for (const { check, level, message, advice } of findings) {
        yield* Console.log(`${style(styles[level], symbols[level])} ${check.padEnd(13)} ${message}`)
        if (advice !== null) yield* Console.log(`  ${" ".repeat(13)} ${style("bold", advice)}`)
      }
    }
    const errors = findings.filter(({ level }) => level === "error").length
    if (errors > 0) return yield* new CliFailure({ exitCode: 1, tag: "Unhealthy", reason: `${errors} of ${findings.length} checks failed` })
  }),
).pipe(
  Command.withDescription("Look for what is wrong with the configuration and the database, and say what to do"),
  Command.withExamples([{ command: "effect-api-key doctor --json" }]),
)
