/** Each public function, layer and effect is shown by an example, which `docs.test.ts` compiles. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { root, typescript } from "./blocks.ts"

const main = "index"

/** The modules that `package.json` exports, by the path that follows the package's name. */
const modules = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.startsWith("internal/"))
  .map((file) => file.slice(0, -".ts".length))

describe("the examples", () => {
  it("show each public function, layer and effect", async () => {
    const shown = new Set(typescript.flatMap(({ code }) => usesIn(code)))
    const exported = await Promise.all(modules.filter((module) => module !== main).map(namesOf))
    assert.deepStrictEqual(
      exported
        .flat()
        .filter((name) => !shown.has(name))
        .toSorted(),
      [],
      "Without an example",
    )
  })
})

/**
 * The exports of a module that need an example, as `module.name`. Exempt are classes, schemas and services, whose names have a capital and whose
 * fields TSDoc explains; plain data; and exports for the package's own use (`@internal`).
 */
const namesOf = async (module: string): Promise<ReadonlyArray<string>> => {
  const file = join(root, "src", `${module}.ts`)
  const exported: Record<string, unknown> = await import(file)
  const inner = new Set(Array.from(readFileSync(file, "utf8").matchAll(/@internal\s*\*\/\nexport \w+ (\w+)/g), ([, name]) => name))
  return Object.entries(exported).flatMap(([name, value]) =>
    /^[a-z]/.test(name) && !isPlain(value) && !inner.has(name) ? [`${module}.${name}`] : [],
  )
}

/** Data that JSON could hold. */
const isPlain = (value: unknown): boolean => {
  if (typeof value !== "object" || value === null) return typeof value !== "function"
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === Array.prototype) && Object.values(value).every(isPlain)
}

/** The exports of the package that a piece of code uses, as `module.name`: by a module's alias, or by a name imported from that module. */
const usesIn = (code: string): ReadonlyArray<string> => {
  const imports = /^import (?:\* as (\w+)|\{([^}]*)\}) from "effect-api-key(?:\/([^"]+))?"$/gm
  const body = code.replace(imports, "")
  return Array.from(code.matchAll(imports)).flatMap(([, alias, list = "", module = main]) => {
    if (alias !== undefined) return membersOf(body, alias, module)
    return list.split(",").flatMap((item) => {
      const [name = "", local = name] = item.trim().split(" as ")
      if (module === main) return membersOf(body, local, name)
      return new RegExp(`\\b${local}\\b`).test(body) ? [`${module}.${name}`] : []
    })
  })
}

const membersOf = (code: string, alias: string, module: string): ReadonlyArray<string> =>
  Array.from(code.matchAll(new RegExp(`\\b${alias}\\.(\\w+)`, "g")), ([, name = ""]) => `${module}.${name}`)
