/**
 * Bundles the command line into `dist/bin`, with the modules of Effect that it uses, as starting from hundreds of files takes longer than
 * what most commands do. Packages with code of their own for a machine, and those that few need, stay outside.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "vite"

const root = fileURLToPath(new URL("..", import.meta.url))
const target = process.argv[2] ?? join(root, "dist/bin")

await build({
  root,
  configFile: false,
  logLevel: "warn",
  publicDir: false,
  ssr: { noExternal: true, external: ["@electric-sql/pglite", "argon2", "@node-rs/bcrypt", "redis", "ioredis"] },
  build: {
    ssr: true,
    target: "node22",
    outDir: target,
    emptyOutDir: true,
    minify: true,
    rolldownOptions: {
      // The scanner looks for its thread's code beside its own.
      input: { "effect-api-key": join(root, "src/internal/cli/main.ts"), worker: join(root, "src/internal/scan/worker.ts") },
      output: { entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js" },
    },
  },
})

const bin = join(target, "effect-api-key.js")
chmodSync(bin, 0o755)

// Help is rendered once, here, so that none of what renders it is loaded to show it.
const render = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>): string =>
  execFileSync(process.execPath, [bin, ...args], { encoding: "utf8", env: { PATH: process.env["PATH"] ?? "", ...env } })
const renderBoth = (args: ReadonlyArray<string>) => ({
  plain: render(args, { NO_COLOR: "1" }),
  colored: render(args, { FORCE_COLOR: "1" }),
})

const whole = renderBoth(["--help"])
const [, listed = ""] = /^SUBCOMMANDS\n((?: .*\n)+)/m.exec(whole.plain) ?? []
// A name, or a name and its alias.
const commands = Array.from(listed.matchAll(/^ {2}([a-z][a-z-]*)(?:, ([a-z-]+))?/gm), ([, name = "", alias]) => ({ name, alias }))
const help = Object.fromEntries([
  ["", whole],
  ["--version", renderBoth(["--version"])],
  ...commands.flatMap(({ name, alias }) => {
    const both = renderBoth([name, "--help"])
    return [[name, both] as const, ...(alias === undefined ? [] : [[alias, both] as const])]
  }),
])
writeFileSync(join(target, "help.json"), JSON.stringify(help))
