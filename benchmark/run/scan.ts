// 1 GB of mixed text: how long our scanner takes, and against ripgrep with the same regular expression, on the same files, in turns.
import { spawnSync } from "node:child_process"
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Result, Stream } from "effect"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import { scanPaths } from "../../src/scan/Scanner.ts"
import { emit } from "../figure.ts"
import { measure, median, quantile, share } from "../measure.ts"

const gigabyte = 1e9
const planted = 1_000
const expression = Result.getOrThrow(ApiKeyToken.regex()).source
// Ripgrep's own engine is its fastest, but can't look behind and ahead: its word boundaries say the same here.
const withoutLooking = expression.replace(/^\(\?<!.*?\)/, "\\b").replace(/\(\?!.*?\)$/, "\\b")

/** Source code, prose, logs, JSON, base64 and hex, of fixed randomness. */
const makeText = (): Buffer => {
  let state = 1
  const random = (bound: number) => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) % bound
  const hex = (length: number) => Array.from({ length }, () => random(16).toString(16)).join("")
  const base64 = (length: number) => Buffer.from(Array.from({ length }, () => random(256))).toString("base64")
  const words = "the of and to in a is that for it as was with be by on not he his but at are this have from".split(" ")
  const sentence = () => `${Array.from({ length: 8 + random(12) }, () => words[random(words.length)]).join(" ")}.`
  const line = [
    () =>
      `2026-11-0${1 + random(9)}T10:${10 + random(50)}:00.${random(1000)}Z INFO  [worker-${random(32)}] request ${hex(32)} took ${random(900)} ms`,
    () =>
      `{"id":"${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}","name":"task-${random(1000)}","ok":${random(2) === 0},"sha":"${hex(64)}"}`,
    sentence,
    sentence,
    () => `  <a href="/break-${random(99)}" class="ak-link mask-${random(9)}">${sentence()}</a>`,
    () => `data:image/png;base64,${base64(60 + random(900))}`,
  ]
  const source = ["Stream", "Effect", "Schema"].map((name) =>
    readFileSync(new URL(`../../node_modules/effect/src/${name}.ts`, import.meta.url)),
  )
  const parts: Array<Buffer> = []
  for (let round = 0; round < 12; round++) {
    parts.push(Buffer.from(Array.from({ length: 12_000 }, () => line[random(line.length)]!()).join("\n")), source[round % source.length]!)
  }
  return Buffer.concat(parts)
}

/** Files from 2 kB to 64 MB, of 1 GB altogether, with tokens in them. */
const writeFiles = (folder: string, text: Buffer, tokens: ReadonlyArray<string>): void => {
  let written = 0
  for (let number = 0; written < gigabyte; number++) {
    const directory = join(folder, String(number % 40))
    mkdirSync(directory, { recursive: true })
    const wanted = Math.min(gigabyte - written, number % 200 === 0 ? 64e6 : number % 20 === 0 ? 4e6 : 2e3 * (1 + (number % 100)))
    const file = openSync(join(directory, `${number}.txt`), "w")
    let at = (number * 7_919) % text.length
    for (let size = 0; size < wanted; at = 0) size += writeSync(file, text.subarray(at, Math.min(text.length, at + wanted - size)))
    const token = tokens[number]
    if (token !== undefined && wanted > 200) writeSync(file, `\n${token}\n`, wanted - 100)
    closeSync(file)
    written += wanted
  }
}

const program = Effect.gen(function* () {
  const folder = mkdtempSync(join(tmpdir(), "effect-api-key-scan-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
  const tokens = Array.from({ length: planted }, (_, index) => {
    const text = `ak-${index.toString(16).padStart(16, "0")}-${String(index).padStart(58, "0")}`
    return text + ApiKeyToken.checksum(text)
  })
  writeFiles(folder, makeText(), tokens)
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length
  const expected = Math.min(files, planted)

  const scan = () =>
    Effect.runPromise(Stream.runCount(scanPaths([folder]))).then((count) => {
      if (count !== expected) throw new Error(`${count} tokens were found of ${expected}`)
    })
  const ripgrep = (engine: string, pattern: string) => () => {
    const { status, stdout, error } = spawnSync(
      "rg",
      [engine, "--text", "--no-ignore", "--hidden", "--only-matching", "-e", pattern, folder],
      {
        encoding: "utf8",
        maxBuffer: 2 ** 28,
      },
    )
    const count = stdout?.split("\n").length - 1
    if (status !== 0 || count < expected) throw new Error(`ripgrep found ${count} of ${expected}`, { cause: error })
  }
  const cannot = spawnSync("rg", ["--version"]).error
  // A round of each is one scan, once the files are in memory.
  const options = { rounds: 5, maximum: 1 }
  const contenders = { ours: { run: scan } }
  const rates = yield* Effect.promise(() =>
    cannot === undefined
      ? measure(
          {
            ...contenders,
            ripgrep: { run: ripgrep("--engine=default", withoutLooking) },
            pcre: { run: ripgrep("--engine=pcre2", expression) },
          },
          options,
        )
      : measure({ ...contenders, ripgrep: { run: () => {} }, pcre: { run: () => {} } }, options),
  )
  const seconds = rates.ours.map((rate) => 1 / rate)
  emit({
    benchmark: "scan",
    name: "1 GB of mixed text scanned",
    unit: "milliseconds",
    target: { atMost: 10_000 },
    value: median(seconds) * 1_000,
    spread: [quantile(seconds, 0.25) * 1_000, quantile(seconds, 0.75) * 1_000],
    note: `${files} files from 2 kB to 64 MB, in memory; all ${expected} tokens in them found${cannot === undefined ? "" : "; ripgrep is missing here"}`,
  })
  if (cannot !== undefined) return
  const megabytes = (rates: ReadonlyArray<number>) => Math.round((median(rates) * gigabyte) / 1e6)
  const { value, spread } = share(rates, "ours", "ripgrep")
  emit({
    benchmark: "scan",
    name: "of the rate of ripgrep",
    unit: "share",
    target: { atLeast: 0.3 },
    value,
    spread,
    rates: { ours: megabytes(rates.ours), ripgrep: megabytes(rates.ripgrep), "with PCRE2": megabytes(rates.pcre) },
    note: "the same regular expression, with `\\b` for what ripgrep's own engine lacks; rates in megabytes a second",
  })
})

await Effect.runPromise(Effect.scoped(program))
