import { randomUUID } from "node:crypto"
import { fstatSync } from "node:fs"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { ApiKeys } from "../../../ApiKeys.ts"
import { CliFailure, fromError, orFailure } from "../CliFailure.ts"
import { fileFailure } from "../fileFailure.ts"
import { filterFlags, readFilter } from "../filterFlags.ts"
import * as Json from "../Json.ts"
import { string, toggle } from "../keyFlags.ts"
import { counted, makeProgress, print } from "../output.ts"
import { escapeJson } from "../../text/safe.ts"

/** Exports keys. @category commands @since 0.1.0 */
export const exportKeys = Command.make(
  "export",
  {
    ...filterFlags,
    hashes: toggle("hashes", "With their hashes, so that they can be imported; as secret as the database"),
    output: string("output").pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("file"),
      Flag.withDescription("A new file, which only you can read, instead of standard output"),
      Flag.filter(
        (file) => file !== "-",
        () => "Expected the name of a file; without the flag it is standard output",
      ),
      Flag.optional,
    ),
  },
  Effect.fnUntraced(function* ({ hashes, output, ...flags }) {
    const apiKeys = yield* ApiKeys
    const filter = yield* readFilter(flags)
    const lines = Stream.mapError(apiKeys.export({ hashes, filter }), (error) => fromError(error))
    let exported = 0
    if (Option.isNone(output)) {
      // Progress is shown only beside a regular file. A program behind a pipe may use the terminal itself.
      const isFile = yield* Effect.sync(() => fstatSync(1).isFile())
      const bar = isFile ? yield* makeProgress("Exporting", "keys") : undefined
      const total = bar?.isShown === true ? yield* orFailure(apiKeys.count(filter)) : 0
      return yield* Stream.runForEach(lines, (line) =>
        Effect.andThen(Console.log(escapeJson(line.trimEnd())), bar?.show(++exported, total) ?? Effect.void),
      ).pipe(Effect.ensuring(bar?.clear ?? Effect.void))
    }
    const file = output.value
    const fs = yield* FileSystem.FileSystem
    const total = yield* orFailure(apiKeys.count(filter))
    const alreadyThere = new CliFailure({ exitCode: 1, tag: "FileError", reason: `${file} is there already, and isn't overwritten` })
    const written = fileFailure("written", file)
    if (yield* Effect.mapError(fs.exists(file), written)) return yield* alreadyThere
    const bar = yield* makeProgress("Exporting", "keys")
    // The lines go to a draft first, so a file under the final name is always whole. A UUID names the draft, as process ids aren't unique
    // across containers.
    const draft = `${file}.${randomUUID()}.part`
    yield* lines.pipe(
      Stream.tap(() => bar.show(++exported, total)),
      Stream.encodeText,
      Stream.run(fs.sink(draft, { flag: "wx", mode: 0o600 })),
      // Unlike a rename, a link never replaces a file that appeared meanwhile. On a file system without links the draft is renamed.
      Effect.andThen(
        Effect.catchIf(
          fs.link(draft, file),
          (error) => error.reason._tag !== "AlreadyExists",
          () => fs.rename(draft, file),
        ),
      ),
      Effect.ensuring(Effect.andThen(bar.clear, Effect.ignore(fs.remove(draft, { force: true })))),
      Effect.catchTag("PlatformError", (error) => Effect.fail(error.reason._tag === "AlreadyExists" ? alreadyThere : written(error))),
    )
    yield* print(Json.Exported, { exported, file }, () => `${counted(exported, "API key")} in ${file}`)
  }),
).pipe(
  Command.withDescription("Export API keys, a JSON object a line"),
  Command.withExamples([
    { command: "effect-api-key export --hashes --output keys.ndjson", description: "To move them to another database" },
    { command: "effect-api-key export --status active | jq -r .apiKey.name" },
  ]),
)
