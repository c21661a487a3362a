// 1 GB of mixed text: how long our scanner takes, and against ripgrep with the same regular expression, on the same files, in turns.
import { spawnSync } from "node:child_process"
import { createCipheriv } from "node:crypto"
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Result, Stream } from "effect"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import { scanPaths } from "../../src/scan/Scanner.ts"
import { emit, type Figure } from "../figure.ts"
import { measure, median, quantile, share } from "../measure.ts"

const gigabyte = 1e9
const planted = 1_000
const expression = Result.getOrThrow(ApiKeyToken.regex()).source
// Ripgrep's own engine is its fastest, but can't look behind and ahead: its word boundaries say the same here. Not those of Unicode, as tokens
// are ASCII, and anything else in a text would make it use a slower engine.
const withoutLooking = expression.replace(/^\(\?<!.*?\)/, "(?-u:\\b)").replace(/\(\?!.*?\)$/, "(?-u:\\b)")

/** The same bytes each time, none of which tells anything of another. */
const makeRandom = () => {
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16))
  const bytes = (count: number): Buffer => cipher.update(Buffer.alloc(count))
  return { bytes, below: (bound: number): number => bytes(4).readUInt32LE() % bound }
}

const words = readFileSync(new URL("../../docs/guides/security.md", import.meta.url), "utf8")
  .toLowerCase()
  .split(/[^a-z]+/)
  .concat("naïve", "café", "—", "“so”", "für", "данные", "鍵")

/** A megabyte or so of each kind of text. */
const makeKinds = () => {
  const { bytes, below } = makeRandom()
  const size = 1e6
  const fill = (line: () => string): Buffer => {
    const lines: Array<string> = []
    for (let length = 0; length < size; length += lines.at(-1)!.length + 1) lines.push(line())
    return Buffer.from(lines.join("\n") + "\n")
  }
  const hex = (length: number) => bytes(length / 2).toString("hex")
  const prose = () => `${Array.from({ length: 8 + below(12) }, () => words[below(words.length)]).join(" ")}.`
  const uuid = () => [8, 4, 4, 4, 12].map(hex).join("-")
  const instant = () => new Date(1.7e12 + below(4e9)).toISOString()
  const sources = readdirSync(new URL("../../node_modules/effect/src/", import.meta.url))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(new URL(`../../node_modules/effect/src/${name}`, import.meta.url)))
  return {
    source: Buffer.concat(sources),
    prose: fill(prose),
    markup: fill(() => `  <a href="/break-${below(99)}" class="ak-link mask-${below(9)}">${prose()}</a>`),
    log: fill(() => `${instant()} INFO  [worker-${below(32)}] request ${uuid()} took ${below(900)} ms`),
    json: fill(() => JSON.stringify({ id: uuid(), name: `task-${below(1_000)}`, ok: below(2) === 0, at: instant(), note: prose() })),
    hex: fill(() => `${hex(64)}  dist/${hex(8)}.js`),
    base64: fill(() => bytes(57).toString("base64")),
    dataUrl: fill(() => `data:image/png;base64,${bytes(60 + below(900)).toString("base64")}`),
  }
}

/** As it may lie in a folder: most of it written by people. */
const makeMixture = (): Buffer => {
  const { source, prose, markup, log, json, hex, base64, dataUrl } = makeKinds()
  const wide = Buffer.from(prose.toString("utf8").slice(0, 200_000) + json.toString("utf8").slice(0, 200_000), "utf16le")
  return Buffer.concat([source, prose, markup, log, json, hex, base64, dataUrl, wide])
}

/** Files from 2 kB to 64 MB, of so many bytes altogether, with tokens in them. */
const writeFiles = (folder: string, bytes: number, text: Buffer, tokens: ReadonlyArray<string>): void => {
  let written = 0
  for (let number = 0; written < bytes; number++) {
    const directory = join(folder, String(number % 40))
    mkdirSync(directory, { recursive: true })
    const wanted = Math.min(bytes - written, number % 200 === 0 ? 64e6 : number % 20 === 0 ? 4e6 : 2e3 * (1 + (number % 100)))
    const file = openSync(join(directory, `${number}.txt`), "w")
    let at = (number * 7_919) % text.length
    for (let size = 0; size < wanted; at = 0) size += writeSync(file, text.subarray(at, Math.min(text.length, at + wanted - size)))
    const token = tokens[number]
    if (token !== undefined && wanted > 200) writeSync(file, `\n${token}\n`, wanted - 100)
    closeSync(file)
    written += wanted
  }
}

const cannot = spawnSync("rg", ["--version"]).error

/** Scans so many bytes of the text, in turns with ripgrep if it is there. */
const race = Effect.fnUntraced(function* (bytes: number, text: Buffer) {
  const folder = mkdtempSync(join(tmpdir(), "effect-api-key-scan-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
  const tokens = Array.from({ length: planted }, (_, index) => {
    const text = `ak-${index.toString(16).padStart(16, "0")}-${String(index).padStart(58, "0")}`
    return text + ApiKeyToken.checksum(text)
  })
  writeFiles(folder, bytes, text, tokens)
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length
  const expected = Math.min(files, planted)

  const scan = () =>
    Effect.runPromise(Stream.runCount(scanPaths([folder]))).then((count) => {
      if (count !== expected) throw new Error(`${count} tokens were found of ${expected}`)
    })
  const ripgrep = (engine: ReadonlyArray<string>, pattern: string) => () => {
    if (cannot !== undefined) return
    const { status, stdout, error } = spawnSync(
      "rg",
      [...engine, "--text", "--no-ignore", "--hidden", "--only-matching", "-e", pattern, folder],
      {
        encoding: "utf8",
        maxBuffer: 2 ** 28,
      },
    )
    const count = stdout?.split("\n").length - 1
    if (status !== 0 || count < expected) throw new Error(`ripgrep found ${count} of ${expected}`, { cause: error })
  }
  const contenders = {
    ours: { run: scan },
    ripgrep: { run: ripgrep(["--engine=default"], withoutLooking) },
    // It would stop at what isn't UTF-8.
    pcre: { run: ripgrep(["--engine=pcre2", "--no-pcre2-unicode"], expression) },
  }
  // A round of each is one scan, once the files are in memory.
  return { files, expected, rates: yield* Effect.promise(() => measure(contenders, { rounds: 5, maximum: 1 })) }
}, Effect.scoped)

const program = Effect.gen(function* () {
  const mixed = yield* race(gigabyte, makeMixture())
  const seconds = mixed.rates.ours.map((rate) => 1 / rate)
  emit({
    benchmark: "scan",
    name: "1 GB of mixed text scanned",
    unit: "milliseconds",
    target: { atMost: 10_000 },
    value: median(seconds) * 1_000,
    spread: [quantile(seconds, 0.25) * 1_000, quantile(seconds, 0.75) * 1_000],
    note: `${mixed.files} files from 2 kB to 64 MB, in memory; all ${mixed.expected} tokens in them found${cannot === undefined ? "" : "; ripgrep is missing here"}`,
  })
  if (cannot !== undefined) return
  const compare = (name: string, bytes: number, { rates }: typeof mixed, target: Figure["target"], note: string) => {
    const megabytes = (each: ReadonlyArray<number>) => Math.round((median(each) * bytes) / 1e6)
    const { value, spread } = share(rates, "ours", "ripgrep")
    emit({
      benchmark: "scan",
      name,
      unit: "share",
      target,
      value,
      spread,
      rates: { ours: megabytes(rates.ours), ripgrep: megabytes(rates.ripgrep), "with PCRE2": megabytes(rates.pcre) },
      note,
    })
  }
  const how = "the same regular expression, with `(?-u:\\b)` for what ripgrep's own engine lacks; rates in megabytes a second"
  compare("of the rate of ripgrep", gigabyte, mixed, { atLeast: 0.3 }, how)
  // Our worst: nothing but letters and digits, in lines that are longer than a token's secret, so that all of them have to be looked at.
  const worst = yield* race(gigabyte / 4, makeKinds().base64)
  compare("of the rate of ripgrep, in lines of base64", gigabyte / 4, worst, undefined, "what is slowest to scan")
})

await Effect.runPromise(program)
