import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { ApiKeys } from "../../../ApiKeys.ts"
import { make, type TokenConfig } from "../../../ApiKeyToken.ts"
import { safeJson, safeLine } from "../../text/safe.ts"
import type { CheckedFind } from "../../../scan/Report.ts"
import type { Find, ScanProblem, ScanProgress } from "../../../scan/Scanner.ts"
import { CliFailure, fromError, usage } from "../CliFailure.ts"
import { type FoundToken, judgeFound } from "../foundToken.ts"
import { encodeFound } from "../Json.ts"
import { givenFields, string, toggle } from "../keyFlags.ts"
import { refuseToken } from "../keyName.ts"
import { look, makeProgress, note, relative, sanitize } from "../output.ts"
import { separators } from "../separators.ts"
import * as Settings from "../settings.ts"
import { version } from "../version.ts"

/** Finds leaked tokens. @category commands @since 0.1.0 */
export const scan = Command.make(
  "scan",
  {
    paths: Argument.String("path").pipe(
      Argument.withDescription("Files and folders; - is standard input. Default: this folder"),
      Argument.mapEffect(refuseToken),
      Argument.variadic(),
    ),
    git: string("git").pipe(
      Flag.withMetavar("repository"),
      Flag.withDescription("Scan the whole history of this git repository instead"),
      Flag.optional,
    ),
    prefix: string("prefix").pipe(
      Flag.withDescription("Of the tokens to look for (several: again). Default: API_KEY_PREFIX, or ak"),
      Flag.atLeast(0),
    ),
    separator: Flag.Literals("separator", separators).pipe(Flag.withDescription("Default: API_KEY_SEPARATOR, or -"), Flag.optional),
    all: toggle("all", "Also scan what git ignores"),
    sarif: toggle("sarif", "Print a SARIF log, for GitHub and others"),
    check: toggle("check", "Say of each find whether it works, whose it is and when it was last used"),
    deactivate: toggle("deactivate", "End those that work: deactivate their keys, or end the grace of a previous token"),
  },
  Effect.fnUntraced(function* ({ paths, git, prefix, separator, all, sarif, check, deactivate }) {
    const isJson = yield* Settings.Json
    if (isJson && sarif) return yield* usage("--json prints a find a line, --sarif a log of all: choose one")
    const apiKeys = check || deactivate ? yield* Effect.serviceOption(ApiKeys) : Option.none()
    if ((check || deactivate) && Option.isNone(apiKeys)) return yield* usage("--check and --deactivate need the keys")
    if (Option.isSome(git) && (paths.length > 0 || all))
      return yield* usage("--git scans all of a repository's history: leave paths and --all out")
    const format = { ...(yield* Settings.tokenFormat), ...givenFields<TokenConfig>({ separator }) }
    const formats: ReadonlyArray<TokenConfig> = prefix.length > 0 ? prefix.map((each) => ({ ...format, prefix: each })) : [format]
    for (const each of formats) yield* Effect.mapError(Effect.fromResult(make(each)), ({ reason }) => usage(reason))
    const { scanGit, scanPaths } = yield* Effect.promise(() => import("../../../scan/Scanner.ts"))
    const Report = yield* Effect.promise(() => import("../../../scan/Report.ts"))
    const { style } = yield* look
    const bar = yield* makeProgress("Scanning", Option.isSome(git) ? "contents" : "bytes")
    const begun = yield* Clock.currentTimeMillis
    let progress: ScanProgress = { done: 0, total: undefined }
    const onProgress = bar.isShown ? (now: ScanProgress) => Effect.sync(() => void (progress = now)) : undefined
    const problems: Array<ScanProblem> = []
    const onProblem = (problem: ScanProblem) => {
      problems.push(problem)
      const { _tag } = problem
      const message = safeLine(problem.message)
      return Effect.andThen(bar.clear, Console.error(isJson ? safeJson({ problem: { _tag, message } }) : `effect-api-key: ${message}`))
    }
    // One token often occurs in many places, and is judged once.
    const known = new Map<string, FoundToken>()
    const judgeOnce = (keys: ApiKeys["Service"], find: Find) =>
      Effect.suspend(() => {
        const token = Redacted.value(find.token)
        const before = known.get(token)
        return before !== undefined
          ? Effect.succeed(before)
          : Effect.tap(judgeFound(keys, find, { ends: deactivate }), (found) => Effect.sync(() => known.set(token, found)))
      })
    const finds: Array<CheckedFind> = []
    let found = 0
    const show = Effect.fnUntraced(function* (find: Find) {
      found++
      const judged = Option.isNone(apiKeys) ? undefined : yield* judgeOnce(apiKeys.value, find)
      if (sarif) return void finds.push({ ...find, status: judged?.status })
      if (isJson) {
        return yield* Console.log(safeJson({ ...Report.toJson(find), ...(judged === undefined ? {} : encodeFound(judged)) }))
      }
      const { key, where, commit } = Report.toRow(find)
      const status = judged === undefined ? "" : `  ${describe(judged, begun)}`
      yield* bar.clear
      return yield* Console.log(`${style("red", key)}  ${where}${commit === "" ? "" : `  ${style("dim", commit)}`}${status}`)
    })
    const ticking = Effect.forever(
      Effect.andThen(
        Effect.suspend(() => bar.show(progress.done, progress.total, `, ${found} found`)),
        Effect.sleep("100 millis"),
      ),
    )
    const scanned = Option.match(git, {
      onSome: (repository) => scanGit(repository, { formats, onProblem, onProgress }),
      onNone: () => scanPaths(paths.length === 0 ? ["."] : paths, { formats, onProblem, onProgress, useGitignore: !all }),
    })
    const printSarif = (failure?: CliFailure) => {
      const failures = failure === undefined ? [] : [{ _tag: failure.tag, message: failure.reason }]
      return sarif ? Console.log(safeJson(Report.toSarif(finds, { version, problems: [...problems, ...failures] }))) : Effect.void
    }
    yield* Effect.scoped(Effect.andThen(Effect.forkScoped(ticking), Stream.runForEach(scanned, show))).pipe(
      Effect.ensuring(bar.clear),
      Effect.mapError((error) => (error instanceof CliFailure ? error : fromError(error))),
      // The log still reports the finds from before the failure.
      Effect.tapError(printSarif),
    )
    yield* printSarif()
    if (found > 0)
      return yield* new CliFailure({
        exitCode: 1,
        tag: "TokensFound",
        reason: `${found} found: rotate or delete their keys, which stay leaked`,
      })
    if (problems.length > 0) return yield* new CliFailure({ exitCode: 1, tag: "ScanIncomplete", reason: "Not everything could be scanned" })
    yield* note("No token was found.")
  }),
).pipe(
  Command.withDescription("Look for leaked tokens in files, or in a git repository's history. Exit code 1 if there are any"),
  Command.withExamples([
    { command: "effect-api-key scan src logs", description: "Files and folders" },
    { command: "effect-api-key scan --git . --deactivate", description: "And end those that still work" },
    { command: "effect-api-key scan --git . --json", description: "All that was ever committed, one find a line" },
  ]),
)

const describe = ({ status, apiKey }: FoundToken, now: number): string => {
  if (apiKey === null) return status
  const { name, ownerId, lastUsedAt } = apiKey
  return `${status}: ${sanitize(name)}${ownerId === null ? "" : ` of ${sanitize(ownerId)}`}, used ${relative(lastUsedAt, now, "never")}`
}
