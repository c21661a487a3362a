/** The rooms of `ARCHITECTURE.md`, and the arrows between them, are those of the code. */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { parseSync } from "vite"

const root = new URL("../../src", import.meta.url).pathname

interface Room {
  /** Modules by path within `src`; a folder ends with a slash and stands for all that is in it. */
  readonly holds: ReadonlyArray<string>
  readonly sees: ReadonlyArray<string>
}

const names = (cell: string): ReadonlyArray<string> =>
  cell
    .replaceAll("`", "")
    .split(" ")
    .filter((name) => name !== "")

/** The first table of `ARCHITECTURE.md`. */
const readRooms = (): Readonly<Record<string, Room>> => {
  const text = readFileSync(join(root, "../ARCHITECTURE.md"), "utf8")
  const [, table = ""] = /^\| Room \|.*\n\|[- |]+\n((?:\|.*\n)+)/m.exec(text) ?? []
  const rows = Array.from(table.matchAll(/^\| (\w+) \| (.*?) \| ?(.*?) ?\|$/gm))
  return Object.fromEntries(rows.map(([, name = "", holds = "", sees = ""]) => [name, { holds: names(holds), sees: names(sees) }]))
}

const rooms = readRooms()

const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"))

const isIn = (held: string, file: string): boolean => (held.endsWith("/") ? file.startsWith(held) : file === `${held}.ts`)

const roomOf = (file: string): string | undefined => Object.keys(rooms).find((name) => rooms[name]?.holds.some((held) => isIn(held, file)))

/** The modules of the project that a module names, for their types too. */
const importsOf = (file: string): ReadonlyArray<string> => {
  const text = readFileSync(join(root, file), "utf8")
  const { module } = parseSync(file, text)
  const specifiers = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) => entries.flatMap(({ moduleRequest }) => moduleRequest?.value ?? [])),
    // Also `typeof import("…")`, which is a type.
    ...Array.from(text.matchAll(/\bimport\("([^"]+)"\)/g), ([, specifier = ""]) => specifier),
  ]
  return Array.from(new Set(specifiers.filter((each) => each.startsWith(".")).map((each) => join(dirname(file), each))))
}

const arrows = new Map(files.map((file) => [file, importsOf(file)]))

/** A way from the module back to itself. */
const circleFrom = (start: string): ReadonlyArray<string> | undefined => {
  const seen = new Set<string>()
  const paths: Array<ReadonlyArray<string>> = [[start]]
  for (let path = paths.shift(); path !== undefined; path = paths.shift()) {
    for (const next of arrows.get(path.at(-1) ?? start) ?? []) {
      if (next === start) return [...path, start]
      if (seen.has(next)) continue
      seen.add(next)
      paths.push([...path, next])
    }
  }
  return undefined
}

describe("the house", () => {
  it("has rooms that hold modules, and that are above those that they see", () => {
    const order = Object.keys(rooms)
    assert.isAbove(order.length, 10)
    for (const [name, { holds, sees }] of Object.entries(rooms)) {
      for (const held of holds)
        assert.isTrue(
          files.some((file) => isIn(held, file)),
          `${name} holds ${held}`,
        )
      for (const seen of sees) assert.isTrue(order.includes(seen) && order.indexOf(seen) < order.indexOf(name), `${name} sees ${seen}`)
    }
  })

  it("has a room for each module", () => {
    assert.deepStrictEqual(
      files.filter((file) => roomOf(file) === undefined),
      [],
    )
  })

  it("has no arrow between rooms but those that are drawn", () => {
    const wrong = files.flatMap((file) =>
      (arrows.get(file) ?? []).flatMap((target) => {
        const [from = "", to = ""] = [roomOf(file), roomOf(target)]
        return from === to || rooms[from]?.sees.includes(to) === true ? [] : [`${file} (${from}) sees ${target} (${to})`]
      }),
    )
    assert.deepStrictEqual(wrong, [])
  })

  it("has no circle, of types neither", () => {
    const circles = files.flatMap((file) => circleFrom(file)?.join(" → ") ?? [])
    assert.deepStrictEqual(circles, [])
  })
})
