/**
 * The program that `bin/effect-api-key.js` loads (decision 0017).
 *
 * Help and new tokens are asked for most, by people and by scripts. Loading the whole command line takes many times as long, so it is loaded
 * only for other commands.
 */
import { existsSync, readFileSync } from "node:fs"
import { enableOwnCompileCache } from "./compileCache.ts"
import { isSeparator } from "./separators.ts"
import { watchOutput } from "./streams.ts"

enableOwnCompileCache()

const args = process.argv.slice(2)
watchOutput("effect-api-key", args.includes("--json"))

/** The texts of help and of `--version`, which `scripts/bundle-cli.ts` writes. A run from source has no such file. */
const helpFile = new URL("./help.json", import.meta.url)

const canColor = (): boolean => {
  const { NO_COLOR = "", FORCE_COLOR = "", TERM } = process.env
  if (TERM === "dumb" || NO_COLOR !== "" || args.includes("--no-color")) return false
  return (FORCE_COLOR !== "" && FORCE_COLOR !== "0" && FORCE_COLOR.toLowerCase() !== "false") || process.stdout.isTTY
}

const findHelp = (): string | undefined => {
  const rest = args.filter((arg) => arg !== "--no-color")
  const last = rest.at(-1)
  const isVersion = rest.length === 1 && (last === "--version" || last === "-v")
  if (!isVersion && rest.length > 0 && last !== "--help" && last !== "-h") return undefined
  if (rest.length > 2 || !existsSync(helpFile)) return undefined
  // The cast holds: the package's own build wrote the file.
  const help = JSON.parse(readFileSync(helpFile, "utf8")) as Readonly<Record<string, { readonly plain: string; readonly colored: string }>>
  const name = isVersion ? "--version" : rest.length === 2 ? rest[0]! : ""
  const found = Object.hasOwn(help, name) ? help[name] : undefined
  return canColor() ? found?.colored : found?.plain
}

/** Reads the flags of `generate`, if all are plainly valid. The whole command line handles all other arguments, and reports errors. */
const readGenerate = () => {
  if (args[0] !== "generate") return undefined
  const { API_KEY_PREFIX = "", API_KEY_SEPARATOR = "" } = process.env
  let prefix = API_KEY_PREFIX === "" ? "ak" : API_KEY_PREFIX
  let separator = API_KEY_SEPARATOR === "" ? "-" : API_KEY_SEPARATOR
  let count = 1
  let isJson = false
  for (let at = 1; at < args.length; at++) {
    const arg = args[at]!
    if (arg === "--json") isJson = true
    else if (arg === "--prefix" && at + 1 < args.length) prefix = args[++at]!
    else if (arg === "--separator" && at + 1 < args.length) separator = args[++at]!
    else if ((arg === "--count" || arg === "-c") && /^[1-9]\d{0,3}$/.test(args[at + 1] ?? "")) count = Number(args[++at])
    else if (arg !== "--no-color") return undefined
  }
  return isSeparator(separator) ? { prefix, separator, count, isJson } : undefined
}

const generateNow = async (): Promise<boolean> => {
  const asked = readGenerate()
  if (asked === undefined) return false
  const { generateText } = await import("./generate.ts")
  const text = generateText(asked)
  if (text !== undefined) process.stdout.write(text)
  return text !== undefined
}

const help = findHelp()
if (help !== undefined) process.stdout.write(help)
else if (!(await generateNow())) {
  const isServer = args[0] === "serve"
  if (isServer) await import("../server/threadPool.ts")
  const { runMain } = await import("../../cli/CommandLine.ts")
  const { standalone } = await import("./standalone.ts")
  const { version } = await import("./version.ts")
  runMain(standalone, { version, isServer })
}
