/** The compile cache is code that the command line runs. */
import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { pathToFileURL } from "node:url"
import { execFileSync } from "node:child_process"
import { remove, temporary } from "./support.ts"

const folder = temporary()
beforeAll(() => chmodSync(folder, 0o700))
afterAll(() => remove(folder))

const module = pathToFileURL(join(import.meta.dirname, "../../src/internal/cli/compileCache.ts")).href
const script = `import { enableOwnCompileCache } from ${JSON.stringify(module)}
import { getCompileCacheDir } from "node:module"
enableOwnCompileCache()
console.log(getCompileCacheDir() ?? "none")`

/** Where the cache is, in a process of its own with the given cache home. */
const cacheOf = (home: string, env: Readonly<Record<string, string>> = {}): string =>
  execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, TMPDIR: folder, XDG_CACHE_HOME: home, ...env },
  }).trim()

const make = (name: string, mode = 0o700): string => {
  mkdirSync(join(folder, name, "effect-api-key"), { recursive: true })
  chmodSync(join(folder, name), 0o700)
  chmodSync(join(folder, name, "effect-api-key"), mode)
  return join(folder, name)
}

describe.skipIf(process.getuid === undefined)("the compile cache", () => {
  it("is in a folder of the caller's own, mode 0700, and never in the shared one", () => {
    const home = join(folder, "own")
    assert.isTrue(cacheOf(home).startsWith(join(home, "effect-api-key")))
    assert.strictEqual(statSync(join(home, "effect-api-key")).mode & 0o777, 0o700)
    assert.isTrue(cacheOf("relative").startsWith(join(folder, ".cache/effect-api-key")))
    assert.deepStrictEqual(
      readdirSync(folder).filter((name) => name.startsWith("node-compile-cache")),
      [],
    )
  })

  it("is none where others may write, or may have written", () => {
    for (const mode of [0o777, 0o770, 0o707, 0o750]) assert.strictEqual(cacheOf(make(`mode-${mode}`, mode)), "none")
    const linked = join(folder, "linked")
    mkdirSync(linked)
    symlinkSync(join(make("target"), "effect-api-key"), join(linked, "effect-api-key"))
    assert.strictEqual(cacheOf(linked), "none")
    const open = make("open")
    chmodSync(open, 0o777)
    assert.strictEqual(cacheOf(open), "none")
    assert.strictEqual(cacheOf("/dev/null"), "none")
  })

  it.skipIf(process.getuid?.() !== 0)("is none in a folder of somebody else's", () => {
    const foreign = make("foreign")
    chownSync(join(foreign, "effect-api-key"), 65_534, 65_534)
    assert.strictEqual(cacheOf(foreign), "none")
    const above = make("above")
    chownSync(above, 65_534, 65_534)
    assert.strictEqual(cacheOf(above), "none")
  })

  it("leaves what the caller sets to Node", () => {
    const named = join(folder, "named")
    assert.isTrue(cacheOf(join(folder, "unused"), { NODE_COMPILE_CACHE: named }).startsWith(named))
    assert.strictEqual(cacheOf(join(folder, "unused"), { NODE_DISABLE_COMPILE_CACHE: "1" }), "none")
  })
})
