// Scanning for tokens that got where they don't belong: in a stream, in files, and in the history of a repository.
// Run it with `npm run build && npx node examples/scanning.ts`.
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Console, Effect, Redacted, Stream } from "effect"
import { ApiKeys } from "effect-api-key"
import * as Report from "effect-api-key/scan/Report"
import * as Scanner from "effect-api-key/scan/Scanner"

// A repository in which a token was committed, and then taken out again.
const makeRepository = (token: Redacted.Redacted) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const folder = mkdtempSync(join(tmpdir(), "leak-"))
      const git = (...args: ReadonlyArray<string>) =>
        execFileSync("git", ["-C", folder, "-c", "user.name=a", "-c", "user.email=a@b", ...args])
      git("init", "--quiet")
      for (const text of [`TOKEN=${Redacted.value(token)}\n`, "TOKEN=\n"]) {
        writeFileSync(join(folder, ".env"), text)
        git("add", ".env")
        git("commit", "--quiet", "--message", "settings")
      }
      return folder
    }),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true })),
  )

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys.ApiKeys
  const { apiKey, token } = yield* apiKeys.create({ name: "robot" })

  // A stream, of a log that is uploaded say, as it comes.
  const log = Stream.make(`GET /?key=${Redacted.value(token)} 200\n`).pipe(Stream.encodeText)
  const inLog = yield* Stream.runCollect(Scanner.scanStream(log, { path: "access.log" }))
  yield* Console.log(inLog.map((find) => Report.toRow(find).where).join()) // => access.log:1:11

  // Files don't hold it any more, but the history does.
  const folder = yield* makeRepository(token)
  yield* Console.log((yield* Stream.runCollect(Scanner.scanPaths([folder], { workers: 0 }))).length) // => 0
  const finds = yield* Stream.runCollect(Scanner.scanGit(folder, { workers: 1 }))
  yield* Console.log(finds.map(({ path, commit }) => `${path} ${commit?.length}`).join()) // => .env 40

  // Reports name a token by its key id and hint, never by its secret.
  for (const find of finds) {
    yield* Console.log(Report.redact(find) === `ak-${apiKey.keyId}-…${apiKey.hint}`, Report.toJson(find).line) // => true 1
  }
  // For GitHub and other displays, with what became of each key.
  const checked = yield* Effect.forEach(finds, (find) =>
    Effect.match(apiKeys.verify(find.token), {
      onSuccess: () => ({ ...find, status: "active" }),
      onFailure: ({ _tag }) => ({ ...find, status: _tag }),
    }),
  )
  const [run] = Report.toSarif(checked).runs
  yield* Console.log(run.results.map(({ properties }) => properties.status).join()) // => active

  // A token that was found is ended.
  for (const find of finds) yield* apiKeys.revoke(find.token, { reason: "leaked" })
  yield* Console.log((yield* Effect.flip(apiKeys.verify(token)))._tag) // => Inactive
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(ApiKeys.layerMemory)))
