/** The TypeScript that the documentation shows: blocks of its pages, blocks of TSDoc in `src`, and the files of `examples/`. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

export const root = new URL("../..", import.meta.url).pathname

export const pages: ReadonlyArray<string> = ["README.md", ...filesOf("docs", ".md")]

export interface Block {
  readonly file: string
  readonly language: string
  /** The words after the language, such as `no-run`. */
  readonly tags: ReadonlyArray<string>
  readonly code: string
  /** Names the file that the block is compiled as. */
  readonly name: string
}

export const blocks: ReadonlyArray<Block> = pages.flatMap((file) => blocksIn(file, readFileSync(join(root, file), "utf8")))

/** A block of TSDoc is compiled and not run. */
const commented: ReadonlyArray<Block> = filesOf("src", ".ts").flatMap((file) => {
  const comments = readFileSync(join(root, file), "utf8").match(/\/\*\*.*?\*\//gs) ?? []
  return blocksIn(file, comments.join("\n").replace(/^ *\/?\*+[ /]?/gm, "")).map((block) => ({ ...block, tags: ["no-run"] }))
})

/** A first line `// no-run: …` says why a program of `examples/` can't run here. */
const programs: ReadonlyArray<Block> = filesOf("examples", ".ts").map((file) => {
  const code = readFileSync(join(root, file), "utf8")
  return { file, language: "ts", tags: code.startsWith("// no-run: ") ? ["no-run"] : [], code, name: toName(file, 1) }
})

export const typescript: ReadonlyArray<Block> = [...blocks, ...commented, ...programs].filter(({ language }) => language === "ts")

function filesOf(folder: string, extension: string): ReadonlyArray<string> {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(extension))
    .map((file) => join(folder, file))
}

function blocksIn(file: string, text: string): ReadonlyArray<Block> {
  return Array.from(text.matchAll(/^```(\w+)([^\n]*)\n(.*?)^```$/gms), ([, language = "", info = "", code = ""], index) => ({
    file,
    language,
    tags: info.trim().split(/\s+/),
    code,
    name: toName(file, index + 1),
  }))
}

function toName(file: string, number: number): string {
  return `${file.replace(/\W+/g, "-")}-${number}`
}
