#!/usr/bin/env node
/**
 * The entry of `effect-api-key`. It loads what a command needs: the whole command line takes many times what help and a token take, which
 * are asked for most, by people at a terminal and by scripts.
 */
import { existsSync, readFileSync } from "node:fs"
import { enableCompileCache } from "node:module"

enableCompileCache()

// Whoever reads the output has had enough of it (`| head`).
const endQuietly = (error: NodeJS.ErrnoException): void => {
  if (error.code !== "EPIPE") throw error
  process.exit(0)
}
process.stdout.on("error", endQuietly)
process.stderr.on("error", endQuietly)

const args = process.argv.slice(2)

/** Written by `scripts/bundle-cli.ts`; there is none when this runs from its source. */
const helpFile = new URL("./help.json", import.meta.url)

const canColor = (): boolean => {
  const { NO_COLOR = "", FORCE_COLOR = "", TERM } = process.env
  if (TERM === "dumb" || NO_COLOR !== "" || args.includes("--no-color")) return false
  return (FORCE_COLOR !== "" && FORCE_COLOR !== "0" && FORCE_COLOR.toLowerCase() !== "false") || process.stdout.isTTY
}

const findHelp = (): string | undefined => {
  const rest = args.filter((arg) => arg !== "--no-color")
  const isAsked = rest.length === 0 || rest.at(-1) === "--help" || rest.at(-1) === "-h"
  if (!isAsked || rest.length > 2 || !existsSync(helpFile)) return undefined
  // The file is ours.
  const help = JSON.parse(readFileSync(helpFile, "utf8")) as Readonly<Record<string, { readonly plain: string; readonly colored: string }>>
  const found = Object.hasOwn(help, rest.length === 2 ? rest[0]! : "") ? help[rest.length === 2 ? rest[0]! : ""] : undefined
  return canColor() ? found?.colored : found?.plain
}

/** The flags of `generate`, if there is nothing else and all are sound; whatever else there is to say, the whole command line says. */
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
    else if (arg === "--count" && /^[1-9]\d{0,3}$/.test(args[at + 1] ?? "")) count = Number(args[++at])
    else if (arg !== "--no-color") return undefined
  }
  return isSeparator(separator) ? { prefix, separator, count, isJson } : undefined
}

type Separator = "-" | "_" | "." | "~" | ":"
const isSeparator = (text: string): text is Separator => text.length === 1 && "-_.~:".includes(text)

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
  if (args[0] === "serve") await import("../server/threadPool.ts")
  const { run } = await import("./program.ts")
  run(args)
}
