// better-auth's API-key plugin at its fastest: keys unhashed in a `Map` as its secondary storage (its memory adapter searches a list, and
// takes two to three times as long), no rate limits, no metadata.
import { apiKey } from "@better-auth/api-key"
import { betterAuth } from "better-auth"
import { memoryAdapter } from "better-auth/adapters/memory"
import { shuffle } from "../support/tokens.ts"
import { against } from "./against.ts"

const kept = new Map<string, string>()
const auth = betterAuth({
  baseURL: "http://127.0.0.1",
  secret: "a secret that only benchmarks use, long enough",
  database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
  logger: { disabled: true },
  telemetry: { enabled: false },
  emailAndPassword: { enabled: true },
  secondaryStorage: {
    get: (key) => kept.get(key) ?? null,
    set: (key, value) => void kept.set(key, value),
    delete: (key) => void kept.delete(key),
    getAndDelete: () => Promise.reject(new Error("The plugin doesn't use it")),
    increment: () => Promise.reject(new Error("The plugin doesn't use it")),
  },
  plugins: [apiKey({ storage: "secondary-storage", disableKeyHashing: true, rateLimit: { enabled: false }, enableMetadata: false })],
})

const { user } = await auth.api.signUpEmail({ body: { email: "a@example.com", name: "a", password: "a long password" } })
const tokens: Array<Buffer> = []
// It keeps a list of a user's keys that it rewrites for each new one, so more would take long to make.
for (let index = 0; index < 1_000; index++) {
  const { key } = await auth.api.createApiKey({ body: { name: `key ${index}`, userId: user.id } })
  tokens.push(Buffer.from(key, "latin1"))
}
const order = shuffle(tokens)
let fresh: ReadonlyArray<string> = []

await against(
  "better-auth",
  {
    before: () => {
      fresh = order.map((token) => token.toString("latin1"))
    },
    run: async (count) => {
      for (let index = 0; index < count; index++) {
        const { valid } = await auth.api.verifyApiKey({ body: { key: fresh[index % fresh.length]! } })
        if (!valid) throw new Error("A good token was refused")
      }
    },
  },
  30,
  "1.7.5: hashing, rate limits and metadata off, in a `Map` as secondary storage",
)
