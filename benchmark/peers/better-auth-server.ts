// better-auth's handler behind `node:http`, without rate limits and metadata. The handler takes keys for sessions alone, so `/protected` is its
// `/api/auth/get-session`; what verifies other keys isn't a route of its own, so a route is made of the function. By default keys are in a `Map`
// as its secondary storage, unhashed; PEER_STORAGE=database has them in PostgreSQL, hashed, as it does by itself.
import { createServer, type IncomingMessage } from "node:http"
import { apiKey } from "@better-auth/api-key"
import { betterAuth } from "better-auth"
import { memoryAdapter } from "better-auth/adapters/memory"
import { getMigrations } from "better-auth/db/migration"
import { toNodeHandler } from "better-auth/node"
import { Pool } from "pg"

const isDatabase = process.env["PEER_STORAGE"] === "database"
const kept = new Map<string, string>()
const auth = betterAuth({
  baseURL: "http://127.0.0.1",
  secret: "a secret that only benchmarks use, long enough",
  database: isDatabase
    ? new Pool({ connectionString: process.env["DATABASE_URL"], max: 10 })
    : memoryAdapter({ user: [], session: [], account: [], verification: [] }),
  logger: { disabled: true },
  telemetry: { enabled: false },
  rateLimit: { enabled: false },
  emailAndPassword: { enabled: true },
  ...(!isDatabase && {
    secondaryStorage: {
      get: (key: string) => kept.get(key) ?? null,
      set: (key: string, value: string) => void kept.set(key, value),
      delete: (key: string) => void kept.delete(key),
      getAndDelete: () => Promise.reject(new Error("The plugin doesn't use it")),
      increment: () => Promise.reject(new Error("The plugin doesn't use it")),
    },
  }),
  plugins: [
    apiKey({
      storage: isDatabase ? "database" : "secondary-storage",
      disableKeyHashing: !isDatabase,
      rateLimit: { enabled: false },
      enableMetadata: false,
      enableSessionForAPIKeys: true,
      customAPIKeyGetter: ({ headers }) => headers?.get("authorization")?.slice("Bearer ".length) ?? null,
    }),
  ],
})
if (isDatabase) await (await getMigrations(auth.options)).runMigrations()

const { user } = await auth.api.signUpEmail({ body: { email: "a@example.com", name: "a", password: "a long password" } })
const tokens: Array<string> = []
for (let index = 0; index < Number(process.env["PEER_KEYS"]); index++) {
  tokens.push((await auth.api.createApiKey({ body: { name: `key ${index}`, userId: user.id } })).key)
}

const handle = toNodeHandler(auth)
const read = async (request: IncomingMessage): Promise<string> => {
  let text = ""
  for await (const chunk of request.setEncoding("utf8")) text += chunk
  return text
}
const verify = async (request: IncomingMessage) => {
  const caller = await auth.api.verifyApiKey({ body: { key: request.headers.authorization?.slice("Bearer ".length) ?? "" } })
  if (!caller.valid) return [401, { error: "Unauthorized" }] as const
  const { token }: { readonly token: string } = JSON.parse(await read(request))
  return [200, await auth.api.verifyApiKey({ body: { key: token } })] as const
}
const server = createServer((request, response) => {
  if (request.url !== "/api-keys/verify") return void handle(request, response)
  void verify(request).then(([status, body]) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body)),
  )
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  process.stdout.write(`${JSON.stringify({ port, tokens })}\n`)
})
