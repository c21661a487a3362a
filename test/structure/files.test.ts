/** Files of a size that a reader can hold. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const root = new URL("../..", import.meta.url).pathname
const maxLines = 500

describe("a file", () => {
  it.each(["src", "test"])(`of %s has at most ${maxLines} lines`, (folder) => {
    const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"))
    assert.isAbove(files.length, 100)
    const tooLong = files.filter((path) => readFileSync(join(root, folder, path), "utf8").split("\n").length - 1 > maxLines)
    assert.deepStrictEqual(tooLong, [])
  })
})
