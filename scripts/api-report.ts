/**
 * Writes the public surface to `api/`, a file a module: what `tsc` declares, without comments, and with the private declarations
 * that public ones refer to. A change of the surface so shows in a review. With `--check` it fails if `api/` isn't up to date.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, isAbsolute, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { format, type FormatOptions } from "oxfmt"
import { rolldown } from "rolldown"
import { dts } from "rolldown-plugin-dts"

const root = fileURLToPath(new URL("..", import.meta.url))
const target = join(root, "api")

const main = async (isCheck: boolean): Promise<void> => {
  const declarations = mkdtempSync(join(tmpdir(), "effect-api-key-api-"))
  try {
    declare(declarations)
    const report = new Map<string, string>()
    for (const module of listFiles(declarations).filter((file) => !file.startsWith("internal/"))) {
      report.set(module, await formatted(module, await flatten(declarations, module)))
    }
    if (isCheck) check(report)
    else write(report)
  } finally {
    rmSync(declarations, { recursive: true, force: true })
  }
}

/** Has `tsc` write the declarations of all of `src`. */
const declare = (folder: string): void => {
  const tsc = join(root, "node_modules/typescript/bin/tsc")
  const options = ["--emitDeclarationOnly", "--declarationMap", "false", "--removeComments", "--outDir", folder]
  execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json"), ...options], { stdio: "inherit" })
}

/** The declarations of a module with those of private modules that it needs. Other public modules stay imports. */
const flatten = async (folder: string, module: string): Promise<string> => {
  const entry = join(folder, module)
  const isExternal = (id: string, importer: string | undefined): boolean => {
    if (importer === undefined || resolve(folder, id) === entry) return false
    const isOurs = id.startsWith(".") || isAbsolute(id)
    return !(isOurs && resolve(importer, "..", id).startsWith(join(folder, "internal/")))
  }
  const bundle = await rolldown({
    cwd: folder,
    input: entry,
    external: isExternal,
    plugins: [dts({ dtsOnly: true, generator: "oxc", tsconfig: false, sourcemap: false })],
  })
  const { output } = await bundle.generate({ format: "es" })
  await bundle.close()
  return output.map((chunk) => (chunk.type === "chunk" ? chunk.code : "")).join("\n")
}

const formatted = async (module: string, code: string): Promise<string> => {
  const options: FormatOptions = JSON.parse(readFileSync(join(root, ".oxfmtrc.json"), "utf8"))
  // Comments that the bundler adds name the files from which declarations come.
  const { code: text, errors } = await format(module, code.replace(/^\/\/#.*\n/gm, ""), options)
  if (errors.length > 0) throw new Error(`${module}: ${errors.map(({ message }) => message).join(", ")}`)
  return text
}

const write = (report: ReadonlyMap<string, string>): void => {
  rmSync(target, { recursive: true, force: true })
  for (const [module, text] of report) {
    mkdirSync(dirname(join(target, module)), { recursive: true })
    writeFileSync(join(target, module), text)
  }
}

const check = (report: ReadonlyMap<string, string>): void => {
  const written = new Map(listFiles(target).map((module) => [module, readFileSync(join(target, module), "utf8")]))
  const stale = [...new Set([...report.keys(), ...written.keys()])].filter((module) => report.get(module) !== written.get(module))
  if (stale.length === 0) return
  process.stderr.write(`The public surface isn't as api/ says: ${stale.join(", ")}\nRun npm run api-report, and review what changes.\n`)
  process.exitCode = 1
}

const listFiles = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => file.endsWith(".d.ts"))
    .toSorted()

await main(parseArgs({ options: { check: { type: "boolean", default: false } } }).values.check)
