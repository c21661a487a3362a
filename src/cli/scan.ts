import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { TokenConfig } from "../ApiKeyToken.ts"
import type { Find, ScanProblem, ScanProgress } from "../scan/Scanner.ts"
import { CliFailure, fromError, usage } from "./CliFailure.ts"
import { encodeLeaked } from "./Json.ts"
import { given, string } from "./keyFlags.ts"
import { refuseToken } from "./keyName.ts"
import { KeysBackend } from "./KeysBackend.ts"
import { type Leaked, lookInto } from "./leaked.ts"
import { look, makeProgress, note, relative, sanitize } from "./output.ts"
import { separators } from "./separators.ts"
import * as Settings from "./settings.ts"

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
    all: Flag.Boolean("all").pipe(Flag.withoutNegation, Flag.withDescription("Also scan what git ignores"), Flag.withDefault(false)),
    sarif: Flag.Boolean("sarif").pipe(
      Flag.withoutNegation,
      Flag.withDescription("Print a SARIF log, for GitHub and others"),
      Flag.withDefault(false),
    ),
    check: Flag.Boolean("check").pipe(
      Flag.withoutNegation,
      Flag.withDescription("Say of each find whether it works, whose it is and when it was last used; looking counts as a use"),
      Flag.withDefault(false),
    ),
    deactivate: Flag.Boolean("deactivate").pipe(
      Flag.withoutNegation,
      Flag.withDescription("End those that work: deactivate their keys, or end the grace of a previous token"),
      Flag.withDefault(false),
    ),
  },
  Effect.fnUntraced(function* ({ paths, git, prefix, separator, all, sarif, check, deactivate }) {
    const backend = check || deactivate ? yield* Effect.serviceOption(KeysBackend) : Option.none()
    if ((check || deactivate) && Option.isNone(backend)) return yield* usage("--check and --deactivate need the keys")
    if (Option.isSome(git) && (paths.length > 0 || all))
      return yield* usage("--git scans all of a repository's history: leave paths and --all out")
    const format = { ...(yield* Settings.tokenFormat), ...given("separator", separator) }
    const formats: ReadonlyArray<TokenConfig> = prefix.length > 0 ? prefix.map((each) => ({ ...format, prefix: each })) : [format]
    const { scanGit, scanPaths } = yield* Effect.promise(() => import("../scan/Scanner.ts"))
    const Report = yield* Effect.promise(() => import("../scan/Report.ts"))
    const isJson = yield* Settings.Json
    const { style } = yield* look
    const bar = yield* makeProgress("Scanning", Option.isSome(git) ? "contents" : "bytes")
    const begun = yield* Clock.currentTimeMillis
    let progress: ScanProgress = { done: 0, total: undefined }
    const onProgress = bar.isShown ? (now: ScanProgress) => Effect.sync(() => void (progress = now)) : undefined
    let problems = 0
    const onProblem = (problem: ScanProblem) => {
      problems++
      const { _tag, message } = problem
      const text = isJson ? JSON.stringify({ problem: { _tag, message } }) : `effect-api-key: ${sanitize(message)}`
      return Effect.andThen(bar.clear, Console.error(text))
    }
    const finds: Array<Find> = []
    let found = 0
    const show = (find: Find) => {
      found++
      const looked = Option.match(backend, {
        onNone: () => Effect.succeed(undefined),
        onSome: (keys) => lookInto(keys, find, deactivate),
      })
      return Effect.flatMap(looked, (leaked) => {
        if (sarif) return Effect.sync(() => void finds.push(find))
        if (isJson) return Console.log(JSON.stringify({ ...Report.toJson(find), ...(leaked === undefined ? {} : encodeLeaked(leaked)) }))
        const { key, where, commit } = Report.toRow(find)
        const known = leaked === undefined ? "" : `  ${describe(leaked, begun)}`
        return Effect.andThen(
          bar.clear,
          Console.log(`${style("red", key)}  ${where}${commit === "" ? "" : `  ${style("dim", commit)}`}${known}`),
        )
      })
    }
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
    yield* Effect.scoped(Effect.andThen(Effect.forkScoped(ticking), Stream.runForEach(scanned, show))).pipe(
      Effect.ensuring(bar.clear),
      Effect.mapError((error) => (error instanceof CliFailure ? error : fromError(error))),
    )
    if (sarif) yield* Console.log(JSON.stringify(Report.toSarif(finds)))
    if (found > 0)
      return yield* new CliFailure({
        exitCode: 1,
        tag: "TokensFound",
        reason: `${found} found: rotate or delete their keys, which stay leaked`,
      })
    if (problems > 0) return yield* new CliFailure({ exitCode: 1, tag: "ScanIncomplete", reason: "Not everything could be scanned" })
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

const describe = ({ status, apiKey }: Leaked, now: number): string => {
  if (apiKey === null) return status
  const { name, ownerId, lastUsedAt } = apiKey
  return `${status}: ${sanitize(name)}${ownerId === null ? "" : ` of ${sanitize(ownerId)}`}, used ${relative(lastUsedAt, now, "never")}`
}
