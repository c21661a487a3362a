import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Prompt from "effect/cli/Prompt"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { ApiKeys } from "../../../ApiKeys.ts"
import type { CsvOptions, Progress } from "../../../ApiKeyTransfer.ts"
import { CliFailure, fromError, usage } from "../CliFailure.ts"
import { string, toggle, wholeNumber } from "../keyFlags.ts"
import { refuseToken } from "../keyName.ts"
import { fileFailure } from "../fileFailure.ts"
import * as Json from "../Json.ts"
import { counted, makeProgress, note, sanitize } from "../output.ts"
import * as Settings from "../settings.ts"
import { safeJson } from "../../text/safe.ts"
import { parseOwnerRule } from "../../legacy/owner.ts"
import { adapterNames, loadRowReaders, namedAdapters } from "../../wiring/adapters.ts"

const delimiters: Readonly<Record<string, CsvOptions["delimiter"]>> = {
  ",": ",",
  ";": ";",
  "|": "|",
  tab: "\t",
  "\t": "\t",
  "\\t": "\t",
}

/** Imports keys. @category commands @since 0.1.0 */
export const importKeys = Command.make(
  "import",
  {
    file: Argument.String("file").pipe(
      Argument.withDescription("What export --hashes wrote, or rows of another system; standard input without it"),
      Argument.mapEffect(refuseToken),
      Argument.withDefault("-"),
    ),
    from: Flag.Literals("from", adapterNames).pipe(
      Flag.withDescription("The system that the rows come from. Default: effect-api-key"),
      Flag.optional,
    ),
    prefix: string("prefix").pipe(
      Flag.withDescription("Of the tokens that the rows are about, where these don't say: required with prefixed-api-key"),
      Flag.optional,
    ),
    owner: string("owner").pipe(
      Flag.withMetavar("rule"),
      Flag.withDescription(
        "Whom a key of another system belongs to: columns in braces, such as {owner_type}:{owner_id}. Again: the first whose columns are all filled",
      ),
      Flag.atLeast(0),
    ),
    csv: toggle("csv", "The rows are CSV with a header, not a JSON object a line or an array of them"),
    delimiter: Flag.String("delimiter").pipe(
      Flag.withMetavar("character"),
      Flag.withDescription("What stands between the cells of CSV: , (the default) ; | or tab"),
      Flag.filterMap(
        (text) => Option.fromUndefinedOr(Object.hasOwn(delimiters, text) ? delimiters[text] : undefined),
        () => 'Expected "," ";" "|" or tab',
      ),
      Flag.optional,
    ),
    backslash: Flag.Literals("backslash", ["refuse", "plain"]).pipe(
      Flag.withDescription(
        "One before quotes that may end a cell of CSV: the cell's own (plain), or the end of the reading (refuse), as in some files it isn't",
      ),
      Flag.withDefault("refuse"),
    ),
    dryRun: toggle("dry-run", "Only tell what would be done"),
    skip: wholeNumber("skip", 0, Number.MAX_SAFE_INTEGER, "0 or more").pipe(
      Flag.withDescription("Rows to pass over, to go on after a break"),
      Flag.withDefault(0),
    ),
  },
  Effect.fnUntraced(function* ({ file: named, from, prefix, owner, csv, delimiter, backslash, dryRun, skip }) {
    const apiKeys = yield* ApiKeys
    const { fromCsv, fromJson } = yield* Effect.promise(() => import("../../../ApiKeyTransfer.ts"))
    if (backslash === "plain" && !csv) return yield* usage("--backslash is about --csv")
    if (Option.isSome(delimiter) && !csv) return yield* usage("--delimiter is about --csv")
    if (owner.length > 0 && Option.isNone(from)) return yield* usage("--owner is about --from: a line that export wrote names its owner")
    const rule = owner.length === 0 ? undefined : owner
    const parsed = rule === undefined ? undefined : parseOwnerRule(rule)
    if (parsed !== undefined && Result.isFailure(parsed)) return yield* usage(`--owner: ${parsed.failure}`)
    if (Option.isSome(prefix) && (Option.isNone(from) || from.value === "django"))
      return yield* usage("--prefix says nothing of these rows")
    const options = { prefix: Option.getOrUndefined(prefix), owner: rule }
    const readers = Option.isNone(from)
      ? []
      : yield* loadRowReaders(from.value, options).pipe(
          Effect.catchTag("AdapterOptionMissing", ({ variable }) =>
            Effect.fail(usage(`--from ${from.value} needs --prefix (or ${variable})`)),
          ),
          Effect.mapError((error) => fromError(error)),
        )
    const [reader] = readers
    if (readers.length > 1) return yield* usage(`--from ${Option.getOrElse(from, () => "")} needs --prefix, as several are configured`)
    const fs = yield* FileSystem.FileSystem
    const stdio = yield* Stdio.Stdio
    let file = named
    if (file === "-" && (yield* stdio.stdinIsTerminal)) {
      const { canPrompt } = yield* TerminalCapabilities
      if (!canPrompt) return yield* usage("Name a file, or pass rows on standard input")
      file = yield* Prompt.run(Prompt.String({ message: "File with the keys" }))
    }
    const size = file === "-" ? undefined : Number((yield* Effect.mapError(fs.stat(file), fileFailure("read", file))).size)
    const bar = yield* makeProgress(dryRun ? "Checking" : "Importing", "rows")
    const isJson = yield* Settings.Json
    const encode = Schema.encodeSync(Json.ImportEvent)
    let bytes = 0
    let last: Progress = { _tag: "Progress", read: 0, inserted: 0, present: 0, refused: 0 }
    const input = Stream.mapError(file === "-" ? stdio.stdin : fs.stream(file), fileFailure("read", file)).pipe(
      Stream.map((chunk) => {
        bytes += chunk.length
        return chunk
      }),
    )
    yield* apiKeys
      .import(csv ? fromCsv(input, { delimiter: Option.getOrUndefined(delimiter), backslash }) : fromJson(input), {
        ...(reader === undefined ? {} : { from: reader }),
        // An application may have hashers and adapters that this process lacks, so hashes that are unknown here are accepted.
        unknownHashes: "accept",
        dryRun,
        skip,
      })
      .pipe(
        Stream.runForEach((event) => {
          if (event._tag === "Progress") last = event
          if (isJson) return Console.log(safeJson(encode(event)))
          return event._tag === "Progress"
            ? size === undefined
              ? bar.show(event.read)
              : bar.show(bytes, size)
            : Effect.andThen(bar.clear, Console.error(`row ${event.row}: ${sanitize(event.field)}: ${sanitize(event.reason)}`))
        }),
        Effect.ensuring(bar.clear),
        Effect.mapError((error) => fromError(error)),
        // A failure or Ctrl-C ended the import.
        Effect.onError(() =>
          last.read > skip && !dryRun ? note(`What was read before is kept. To go on: --skip ${last.read}`) : Effect.void,
        ),
      )
    const { read, inserted, present, refused } = last
    if (read < skip)
      return yield* new CliFailure({
        exitCode: 1,
        tag: "NothingToImport",
        reason: `There are ${counted(read, "row")}, and --skip passes over ${skip}`,
      })
    if (!isJson) {
      yield* Console.log(
        `${counted(read, "row")}: ${inserted} ${dryRun ? "would be imported" : "imported"}, ${present} there already, ${refused} refused`,
      )
    }
    if (Option.isSome(from) && inserted > 0) {
      const names = yield* Effect.mapError(namedAdapters, (error) => fromError(error))
      yield* note(
        names.includes(from.value)
          ? `serve and verify take the tokens of ${from.value}, as API_KEY_ADAPTERS names it here. An application has its adapter in ApiKeys.layerWith (legacy).`
          : `The tokens of ${from.value} are good where its adapter is: for serve and verify set API_KEY_ADAPTERS=${[...names, from.value].join(",")}; an application has it in ApiKeys.layerWith (legacy). See docs/guides/moving-in.md.`,
      )
    }
    if (refused > 0) {
      // Every row was refused, so the rows may be of another system.
      const hint = Option.isNone(from) && refused === read - skip ? `. Rows of another system need --from (${adapterNames.join(", ")})` : ""
      return yield* new CliFailure({
        exitCode: 1,
        tag: "RowsRefused",
        reason: `${refused} of ${counted(read, "row")} ${refused === 1 ? "was" : "were"} refused${hint}`,
      })
    }
  }),
).pipe(
  Command.withDescription("Import API keys that export wrote, or of another system"),
  Command.withExamples([
    { command: "effect-api-key import keys.ndjson" },
    { command: "effect-api-key import --from better-auth --csv apikey.csv --dry-run", description: "What would be done" },
  ]),
)
