/** What applications bundle of the package, to see what is in it and how large it is. */
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { build } from "vite"

const root = fileURLToPath(new URL("..", import.meta.url))

/** Modules of applications, as if they stood in the root. */
const entries = {
  /** Verifies tokens by a store in memory. */
  core: `
    import { Effect, Layer } from "effect"
    import * as ApiKeys from "./src/ApiKeys.ts"
    import * as ApiKeyRepository from "./src/ApiKeyRepository.ts"
    import * as Hmac from "./src/hasher/Hmac.ts"
    const layer = (pepper) => ApiKeys.layer.pipe(Layer.provide([Hmac.layer({ pepper }), ApiKeyRepository.layerMemory]))
    export const verify = (token, pepper) => Effect.provide(ApiKeys.ApiKeys.use((apiKeys) => apiKeys.verify(token)), layer(pepper))`,
  /** Calls the HTTP API by the derived client. */
  browser: `
    import { HttpApiClient } from "effect/http-api"
    import { ApiKeysApi, ApiKeyAuth } from "./src/http/definition.ts"
    export { ApiKeyAuth }
    export const makeClient = (baseUrl) => HttpApiClient.make(ApiKeysApi, { baseUrl })`,
  /** Calls it by the service. */
  client: `
    export { layerFetch } from "./src/http/client.ts"`,
}

export interface Bundle {
  readonly code: string
  /** Bytes of the minified code. */
  readonly size: number
  /** Bytes of the minified code, compressed by gzip. */
  readonly gzipped: number
}

export const bundle = async (name: keyof typeof entries): Promise<Bundle> => {
  const entry = join(root, `${name}.js`)
  const built = await build({
    root,
    configFile: false,
    publicDir: false,
    logLevel: "silent",
    plugins: [
      {
        name: "entry",
        enforce: "pre",
        resolveId: (id) => (id === entry ? id : undefined),
        load: (id) => (id === entry ? entries[name] : undefined),
      },
    ],
    build: { lib: { entry, formats: ["es"] }, write: false, minify: true, target: "es2023", rolldownOptions: { external: /^node:/ } },
  })
  const code = [built]
    .flat()
    .flatMap((each) => ("output" in each ? each.output : []))
    .map((chunk) => (chunk.type === "chunk" ? chunk.code : ""))
    .join("")
  return { code, size: Buffer.byteLength(code), gzipped: gzipSync(code).length }
}
