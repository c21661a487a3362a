/** Compiles every TypeScript block of the documentation and of TSDoc, and each example, and runs those that aren't marked `no-run`. */
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Metric from "effect/Metric"
import * as ApiKeyMetrics from "../../src/ApiKeyMetrics.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import { compileCache } from "../support/node.ts"
import { blocks, pages, root, typescript } from "./blocks.ts"

const run = (command: string, args: ReadonlyArray<string>) =>
  new Promise<{ readonly ok: boolean; readonly stdout: string; readonly output: string }>((resolve) =>
    execFile(
      command,
      [...args],
      { cwd: root, env: { ...process.env, ...compileCache, API_KEY_PEPPER: "a pepper for the documentation" }, maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => resolve({ ok: error === null, stdout, output: stdout + stderr }),
    ),
  )

describe("documentation", () => {
  let directory = ""
  beforeAll(() => {
    // Inside the repository, so that imports find its packages.
    mkdirSync(join(root, "test/docs/.blocks"), { recursive: true })
    directory = mkdtempSync(join(root, "test/docs/.blocks/"))
    for (const { name, code } of typescript) {
      writeFileSync(
        join(directory, `${name}.ts`),
        code.replace(/from "effect-api-key(?:\/([^"]+))?"/g, (_, path?: string) => `from "../../../../src/${source(path)}.ts"`),
      )
    }
    writeFileSync(
      join(directory, "tsconfig.json"),
      JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions: { rootDir: root }, include: ["*.ts"] }),
    )
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  it("has blocks in every guide and in the README", () => {
    for (const file of pages.filter((file) => !/decisions|performance|operations|docs\/README/.test(file)))
      assert.isTrue(
        blocks.some((block) => block.file === file),
        file,
      )
  })

  it("shows each of the three ways in at most 15 lines", () => {
    const ways = typescript.filter(({ tags }) => tags.includes("way"))
    assert.lengthOf(ways, 3)
    for (const { code } of ways) assert.isAtMost(code.split("\n").filter((line) => line.trim() !== "").length, 15, code)
  })

  it("compiles", async () => {
    const { ok, output } = await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", directory])
    assert.isTrue(ok, output)
  })

  for (const { file, name, code } of typescript.filter(({ tags }) => !tags.includes("no-run"))) {
    it(`runs ${name}`, { concurrent: false }, async () => {
      const { ok, stdout, output } = await run(process.execPath, [relative(root, join(directory, `${name}.ts`))])
      assert.isTrue(ok, output)
      const lines = Array.from(code.matchAll(/\/\/ => (.*)$/gm), ([, line]) => line)
      if (file.startsWith("examples/") && lines.length > 0) assert.deepStrictEqual(stdout.trimEnd().split("\n"), lines)
    })
  }

  for (const { name, code } of blocks.filter(({ language }) => language === "json")) {
    it(`is JSON: ${name}`, () => void JSON.parse(code))
  }

  const read = (file: string): string => readFileSync(join(root, file), "utf8")

  it("names every migration to mount, and every metric", () => {
    const migrations = read("docs/guides/effect-app.md")
    for (const name of Object.keys(Migrations.migrations())) assert.include(migrations, `\`${name}\``)
    const metrics = read("docs/guides/verification.md")
    for (const metric of Object.values(ApiKeyMetrics)) if (Metric.isMetric(metric)) assert.include(metrics, `\`${metric.id}\``)
  })

  it("links to files that exist", () => {
    for (const file of pages) {
      for (const [, target = ""] of readFileSync(join(root, file), "utf8").matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)) {
        assert.doesNotThrow(() => readdirOrRead(join(root, file, "..", target)), `${file}: ${target}`)
      }
    }
  })
})

const source = (path = "index"): string => path

const readdirOrRead = (path: string): void => {
  try {
    readdirSync(path)
  } catch {
    readFileSync(path)
  }
}
