// How long a program takes until it has verified its first key, and how large the definition of the HTTP interface is for a browser.
import { spawnSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { build } from "vite"
import { emit } from "../figure.ts"
import { median } from "../measure.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
// Inside of the repository, for packages to be found; git passes over folders of this name.
const folder = fileURLToPath(new URL("../dist/", import.meta.url))
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder)

const compiled = spawnSync("tsc", ["-p", join(root, "tsconfig.build.json"), "--outDir", join(folder, "library")], { stdio: "inherit" })
if (compiled.status !== 0) throw new Error("The library wasn't compiled")
const programs = {
  "nothing at all": "",
  "effect/Effect": `import "effect/Effect"`,
  "a first verify": `
    import * as Effect from "effect/Effect"
    import * as Layer from "effect/Layer"
    import * as Redacted from "effect/Redacted"
    import { ApiKeyRepository, ApiKeys } from "./library/index.js"
    import * as Hmac from "./library/hasher/Hmac.js"
    const layer = ApiKeys.layer.pipe(
      Layer.provide([Hmac.layer({ pepper: Redacted.make("sixteen bytes at least") }), ApiKeyRepository.layerMemory])
    )
    const program = ApiKeys.ApiKeys.use((apiKeys) =>
      Effect.flatMap(apiKeys.create({ name: "key" }), ({ token }) => apiKeys.verify(token)))
    await Effect.runPromise(Effect.provide(program, layer))`,
}
const fileOf = (name: string): string => join(folder, `${name.replaceAll(/\W/g, "-")}.mjs`)
for (const [name, text] of Object.entries(programs)) writeFileSync(fileOf(name), text)

// Not rates: whole runs, in turns.
const times = new Map(Object.keys(programs).map((name): [string, Array<number>] => [name, []]))
for (let round = -1; round < 11; round++) {
  for (const [name, elapsed] of times) {
    const start = performance.now()
    if (spawnSync(process.execPath, [fileOf(name)], { stdio: "inherit" }).status !== 0) throw new Error(`${name} failed`)
    if (round >= 0) elapsed.push(performance.now() - start)
  }
}
for (const [name, elapsed] of times) {
  emit({
    benchmark: "start-up",
    name: `Node with ${name}`,
    unit: "milliseconds",
    value: median(elapsed),
    note: "compiled, from start to end",
  })
}

writeFileSync(
  join(folder, "entry.ts"),
  `import { HttpApiClient } from "effect/http-api"
   import { ApiKeysApi, ApiKeyAuth } from "../../src/http/definition.ts"
   export { ApiKeyAuth }
   export const makeClient = (baseUrl: string) => HttpApiClient.make(ApiKeysApi, { baseUrl })`,
)
writeFileSync(
  join(folder, "effect-only.ts"),
  `export { HttpApiClient, HttpApi, HttpApiMiddleware, HttpApiSecurity } from "effect/http-api"`,
)
const bundled = async (entry: string): Promise<number> => {
  const outDir = join(folder, "out")
  await build({
    root: folder,
    configFile: false,
    logLevel: "silent",
    build: { lib: { entry, formats: ["es"], fileName: "bundle" }, outDir, emptyOutDir: true, minify: true, target: "es2023" },
  })
  const file = readdirSync(outDir).find((name) => name.endsWith("js"))
  if (file === undefined) throw new Error("The bundler wrote nothing")
  return gzipSync(readFileSync(join(outDir, file))).length
}
const [whole, effect] = [await bundled("entry.ts"), await bundled("effect-only.ts")]
const note = "minified and gzipped"
emit({ benchmark: "start-up", name: "browser bundle of definition and client", unit: "bytes", value: whole, note })
emit({ benchmark: "start-up", name: "browser bundle of the modules of Effect that it uses", unit: "bytes", value: effect, note })
rmSync(folder, { recursive: true, force: true })
