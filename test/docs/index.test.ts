/** The indexes of the documentation list each of its files. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const docs = new URL("../../docs", import.meta.url).pathname

const pages = readdirSync(docs, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".md"))
const isDecision = (file: string): boolean => file.startsWith("decisions/") && file !== "decisions/README.md"

/** The text and the file of each link, which are of `docs` if they lead into it. */
const linksOf = (index: string): ReadonlyArray<readonly [file: string, text: string]> =>
  Array.from(readFileSync(join(docs, index), "utf8").matchAll(/\[([^\]]+)\]\(([^)#]+)\)/g), ([, text = "", target = ""]) => [
    join(index, "..", target),
    text,
  ])

describe("the index", () => {
  it("of the documentation lists each page", () => {
    const listed = linksOf("README.md").flatMap(([file]) => (file.startsWith("..") ? [] : [file]))
    assert.deepStrictEqual(
      listed.toSorted(),
      pages.filter((file) => file !== "README.md" && !isDecision(file)).toSorted(),
      "docs/README.md",
    )
  })

  it("of the examples lists each program", () => {
    const listed = linksOf("README.md").flatMap(([file]) => (file.startsWith("../examples/") ? [file.slice("../examples/".length)] : []))
    assert.deepStrictEqual(listed.toSorted(), readdirSync(join(docs, "../examples")).toSorted(), "docs/README.md")
  })

  it("of the decisions lists each once, by its number and title", () => {
    const titles = pages.filter(isDecision).map((file) => {
      const [title = ""] = readFileSync(join(docs, file), "utf8").split("\n")
      return [file, title.replace(/^# (?:\d+[.:] )?/, "")] as const
    })
    const byFile = (a: readonly [string, string], b: readonly [string, string]): number => a[0].localeCompare(b[0])
    assert.deepStrictEqual(linksOf("decisions/README.md").toSorted(byFile), titles.toSorted(byFile), "docs/decisions/README.md")
    for (const [, number = "", file = ""] of readFileSync(join(docs, "decisions/README.md"), "utf8").matchAll(/^- (\d+) \[.*\]\((.*)\)$/gm))
      assert.isTrue(file.startsWith(`${number}-`), file)
  })
})
