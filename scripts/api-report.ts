/**
 * Writes the public surface to `api/`, a file a module: what `tsc` declares, without comments, and under
 * `internal/` the private declarations that public ones refer to. A change of the surface so shows in a review. With `--check` it fails if `api/` isn't up to date.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { format, type FormatOptions } from "oxfmt"
import { parseSync } from "vite"

const root = fileURLToPath(new URL("..", import.meta.url))
const target = join(root, "api")

const main = async (isCheck: boolean): Promise<void> => {
  const declarations = mkdtempSync(join(tmpdir(), "effect-api-key-api-"))
  try {
    declare(declarations)
    const report = new Map<string, string>()
    for (const [module, text] of collect(declarations)) report.set(module, await formatted(module, text))
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

/** The declarations of the public modules, and those of private modules that they refer to: each once, under the path of its module. */
const collect = (folder: string): ReadonlyMap<string, string> => {
  const needed = new Map<string, Set<string>>()
  const visit = (file: string, name: string): void => {
    const names = needed.get(file) ?? new Set()
    if (names.has(name)) return
    needed.set(file, names.add(name))
    const { declarations, imports } = readDeclarations(folder, file)
    const wanted = name === everything ? Array.from(declarations.values()) : [declarations.get(name) ?? ""]
    const words = new Set(wanted.flatMap((text) => text.match(/[A-Za-z_$][\w$]*/g) ?? []))
    if (name === everything) for (const { file, name } of imports.values()) visitPrivate(file, name)
    for (const word of words) {
      const imported = imports.get(word)
      if (imported !== undefined) visitPrivate(imported.file, imported.name)
      else if (declarations.has(word) && name !== everything) visit(file, word)
    }
    // A name that a private module only passes on.
    const passedOn = imports.get(name)
    if (name !== everything && !declarations.has(name) && passedOn !== undefined) visitPrivate(passedOn.file, passedOn.name)
  }
  const visitPrivate = (file: string, name: string): void => {
    if (!isPublic(file)) visit(file, name)
  }
  const modules = listFiles(folder).filter(isPublic)
  for (const module of modules) visit(module, everything)
  return new Map(
    Array.from(needed, ([file, names]): readonly [string, string] => {
      if (isPublic(file)) return [file, readFileSync(join(folder, file), "utf8")]
      const { declarations } = readDeclarations(folder, file)
      const texts = Array.from(declarations).flatMap(([name, text]) => (names.has(name) || names.has(everything) ? [text] : []))
      return [file, texts.join("\n")]
    }).filter(([, text]) => text !== ""),
  )
}

const isPublic = (file: string): boolean => !file.startsWith("internal/")

/** Stands for all declarations of a module. */
const everything = "*"

interface Declarations {
  /** The text of each declaration, by name. */
  readonly declarations: ReadonlyMap<string, string>
  /** Names from other modules of the project, by the name here; those that are passed on too. */
  readonly imports: ReadonlyMap<string, { readonly file: string; readonly name: string }>
}

const known = new Map<string, Declarations>()

const readDeclarations = (folder: string, file: string): Declarations => {
  const before = known.get(file)
  if (before !== undefined) return before
  const text = readFileSync(join(folder, file), "utf8")
  const { program, module } = parseSync(file, text)
  const declarations = new Map<string, string>()
  for (const node of program.body) {
    const declared = node.type === "ExportNamedDeclaration" && node.declaration !== null ? node.declaration : node
    const names =
      declared.type === "VariableDeclaration"
        ? declared.declarations.map(({ id }) => id)
        : "id" in declared && declared.id !== null
          ? [declared.id]
          : []
    for (const id of names) {
      if (id.type === "Identifier") declarations.set(id.name, `${declarations.get(id.name) ?? ""}${text.slice(node.start, node.end)}\n`)
    }
  }
  const imports = new Map<string, { readonly file: string; readonly name: string }>()
  const resolveFile = (specifier: string): string | undefined =>
    specifier.startsWith(".") ? join(dirname(file), specifier).replace(/\.(?:ts|js)$/, ".d.ts") : undefined
  for (const { moduleRequest, entries } of module.staticImports) {
    const target = resolveFile(moduleRequest.value)
    if (target === undefined) continue
    for (const { importName, localName } of entries) imports.set(localName.value, { file: target, name: importName.name ?? everything })
  }
  for (const { entries } of module.staticExports) {
    for (const { moduleRequest, importName, exportName } of entries) {
      const target = moduleRequest === null ? undefined : resolveFile(moduleRequest.value)
      if (target === undefined) continue
      const name = importName.name ?? everything
      imports.set(exportName.name ?? `${everything} ${target}`, { file: target, name })
    }
  }
  const found = { declarations, imports }
  known.set(file, found)
  return found
}

const formatted = async (module: string, code: string): Promise<string> => {
  const options: FormatOptions = JSON.parse(readFileSync(join(root, ".oxfmtrc.json"), "utf8"))
  const { code: text, errors } = await format(module, code.replace(/^\/\/#.*$/gm, ""), options)
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
