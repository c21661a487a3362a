// keypal at its fastest: memory storage, cache on, use not tracked. The registry no longer has the package, so it is only run when
// `BENCH_KEYPAL` names the `index.js` of a build of https://github.com/izadoesdev/keypal.
import { pathToFileURL } from "node:url"
import { shuffle } from "../support/tokens.ts"
import { against, keyCount } from "./against.ts"

/** What we use of it. */
interface Keypal {
  readonly createKeys: (options: {
    readonly prefix: string
    readonly storage: "memory"
    readonly cache: boolean
    readonly cacheTtl: number
    readonly autoTrackUsage: boolean
    readonly auditLogs: boolean
  }) => {
    readonly create: (metadata: { readonly ownerId: string; readonly scopes: ReadonlyArray<string> }) => Promise<{ readonly key: string }>
    readonly verify: (key: string) => Promise<{ readonly valid: boolean }>
  }
}

const path = process.env["BENCH_KEYPAL"]
if (path === undefined) {
  process.stderr.write("passed over: BENCH_KEYPAL names no build of it\n")
} else {
  // The file is what `BENCH_KEYPAL` says it is.
  const { createKeys } = (await import(pathToFileURL(path).href)) as Keypal
  const keys = createKeys({ prefix: "ak_", storage: "memory", cache: true, cacheTtl: 3_600, autoTrackUsage: false, auditLogs: false })
  const tokens: Array<Buffer> = []
  for (let index = 0; index < keyCount; index++) {
    const { key } = await keys.create({ ownerId: "acme", scopes: ["invoices:read"] })
    tokens.push(Buffer.from(key, "latin1"))
  }
  const order = shuffle(tokens)
  let fresh: ReadonlyArray<string> = []

  await against(
    "keypal",
    {
      before: () => {
        fresh = order.map((token) => token.toString("latin1"))
      },
      run: async (count) => {
        for (let index = 0; index < count; index++) {
          if (!(await keys.verify(fresh[index % fresh.length]!)).valid) throw new Error("A good token was refused")
        }
      },
    },
    2,
    "0.1.0: memory storage, cache on, use not tracked",
  )
}
