// Runs the benchmarks named on the command line, or all: `npm run bench`, `node benchmark/main.ts warm http`.
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Console, Effect, Redacted } from "effect"
import { startPostgres } from "../test/support/postgres.ts"
import { type Benchmark, benchmarks } from "./benchmarks.ts"
import type { Figure } from "./figure.ts"
import { toText } from "./report/table.ts"
import { write } from "./report/write.ts"
import { pinned } from "./support/cores.ts"

/** Runs one in a process of its own and gives its figures, `undefined` if it failed. */
const run = ({ program, cores }: Benchmark, databaseUrl: string) =>
  Effect.callback<ReadonlyArray<Figure> | undefined>((resume) => {
    const figures: Array<Figure> = []
    const [execPath, args] = pinned(cores === "one" ? 1 : undefined, [process.execPath])
    const child = fork(fileURLToPath(new URL(program, import.meta.url)), {
      execPath,
      execArgv: [...args, "--expose-gc"],
      env: { ...process.env, BENCH_DATABASE_URL: databaseUrl },
    })
    // Our own programs send nothing else.
    child.on("message", (figure) => figures.push(figure as Figure))
    child.on("exit", (code) => resume(Effect.succeed(code === 0 ? figures : undefined)))
    return Effect.sync(() => child.kill())
  })

const program = Effect.gen(function* () {
  const names = process.argv.slice(2)
  const unknown = names.filter((name) => !benchmarks.some((benchmark) => benchmark.name === name))
  if (unknown.length > 0) {
    yield* Console.error(`No benchmark ${unknown.join(", ")}; there are ${benchmarks.map(({ name }) => name).join(", ")}`)
    return 2
  }
  const chosen = benchmarks.filter(({ name }) => names.length === 0 || names.includes(name))
  const databaseUrl =
    process.env["BENCH_DATABASE_URL"] ?? (chosen.some(({ needsPostgres }) => needsPostgres) ? Redacted.value(yield* startPostgres()) : "")
  const figures: Array<Figure> = []
  const ran = new Set<string>()
  const failed: Array<string> = []
  for (const benchmark of chosen) {
    yield* Console.log(`\n${benchmark.name}`)
    const found = yield* run(benchmark, databaseUrl)
    if (found === undefined) {
      failed.push(benchmark.name)
      continue
    }
    // One that was passed over leaves what it found before.
    if (found.length > 0) ran.add(benchmark.name)
    figures.push(...found)
    yield* Console.log(toText(found))
  }
  yield* Effect.sync(() => write(ran, figures))
  yield* Console.log(`\n${toText(figures)}`)
  if (failed.length > 0) yield* Console.error(`\nFailed: ${failed.join(", ")}`)
  return failed.length > 0 ? 1 : 0
})

process.exitCode = await Effect.runPromise(Effect.scoped(program))
