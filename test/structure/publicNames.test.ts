/** A public module exports public names alone, each with its documentation. */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { parseSync } from "vite"

const root = new URL("../../src", import.meta.url).pathname

const publicModules = readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
  (path) => path.endsWith(".ts") && !path.startsWith("internal/"),
)

interface Module {
  readonly text: string
  /** The module and name behind each name that comes from elsewhere. */
  readonly imported: ReadonlyMap<string, readonly [file: string, name: string]>
  /** The exported names, with what they are called here, or the module and name that they are passed on from. */
  readonly exported: ReadonlyMap<string, string | readonly [file: string, name: string]>
}

const modules = new Map<string, Module>()

const readModule = (file: string): Module => {
  const known = modules.get(file)
  if (known !== undefined) return known
  const text = readFileSync(join(root, file), "utf8")
  const { module } = parseSync(file, text)
  const target = (specifier: string): string => join(dirname(file), specifier)
  const imported = module.staticImports.flatMap(({ moduleRequest, entries }) =>
    entries.map(({ localName, importName }) => [localName.value, [target(moduleRequest.value), importName.name ?? ""]] as const),
  )
  const exported = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ exportName, localName, importName, moduleRequest }) =>
      // `export * as` gives a whole module, whose names are checked where it stands.
      exportName.name === null || importName.kind === "All"
        ? []
        : [
            [
              exportName.name,
              moduleRequest === null
                ? (localName.name ?? exportName.name)
                : ([target(moduleRequest.value), importName.name ?? ""] as const),
            ] as const,
          ],
    ),
  )
  const made: Module = { text, imported: new Map(imported), exported: new Map(exported) }
  modules.set(file, made)
  return made
}

/** The comments before the declarations of a name: a type and a value may share one. */
const commentsOf = (file: string, name: string): ReadonlyArray<string> => {
  const { text, imported, exported } = readModule(file)
  const from = exported.get(name) ?? imported.get(name)
  if (typeof from === "object") return commentsOf(...from)
  const local = from ?? name
  const source = imported.get(local)
  if (source !== undefined) return commentsOf(...source)
  const declaration = new RegExp(
    `(/\\*\\*(?:(?!\\*/)[^])*\\*/\\n)?^(?:export )?(?:declare )?(?:const|class|interface|type|function) ${local}\\b`,
    "gm",
  )
  return Array.from(text.matchAll(declaration), ([, comment = ""]) => comment)
}

const isDocumented = (comment: string): boolean => comment.includes("@since ") && comment.includes("@category ")

const isInternal = (comment: string): boolean => comment.includes("@internal")

describe("a public module", () => {
  it("exports names that have a category and a version, and none that is internal", () => {
    const undocumented = publicModules.flatMap((file) =>
      Array.from(readModule(file).exported.keys())
        .filter((name) => {
          const comments = commentsOf(file, name)
          return !comments.some(isDocumented) || comments.some(isInternal)
        })
        .map((name) => `${file}: ${name}`),
    )
    assert.deepStrictEqual(undocumented, [])
  })
})
