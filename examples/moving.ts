// Moving in and out: a table of another system is read row by row, its tokens work on, and all keys leave as lines of JSON.
// Run it with `npm run build && npx node examples/moving.ts`.
import { createHash } from "node:crypto"
import { Console, Effect, Redacted, Result, Stream } from "effect"
import { ApiKey, ApiKeys, ApiKeyTransfer } from "effect-api-key"
import * as Sha256 from "effect-api-key/legacy/Sha256"

// A home-made table, as `\copy (select …) to 'keys.csv' csv header` writes it.
const token = "tok_2f8a91c07d"
const csv = `id,name,user_id,token_digest,created_at,expires_at,revoked_at
1,robot,acme,${createHash("sha256").update(token).digest("hex")},2024-05-01T12:00:00Z,,
2,broken,acme,no digest,2024-05-01T12:00:00Z,,
`
const legacy = Sha256.make({ prefix: "tok_", columns: { hash: "token_digest" }, scopes: () => ["orders:read"] })
const rows = ApiKeyTransfer.fromCsv(Stream.make(csv))

// Row by row, to see what would become of them before anything is written; `import` with `dryRun` does it for all.
const look = Effect.gen(function* () {
  for (const row of yield* Stream.runCollect(rows)) {
    const read = ApiKeyTransfer.readRowBy(row, legacy)
    yield* Console.log(Result.isSuccess(read) ? `${read.success.apiKey.name} of ${read.success.apiKey.ownerId}` : read.failure.field)
  }
  // => robot of acme
  // => token_digest
})

const moveIn = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys.ApiKeys
  const events = yield* Stream.runCollect(apiKeys.import(rows, { from: legacy }))
  for (const event of events) yield* Console.log(event._tag, event._tag === "Refused" ? event.reason : event.inserted)
  // => Refused It isn't a SHA-256 in hex, base64 or base64url
  // => Progress 1
  const { apiKey } = yield* apiKeys.verify(token, { scopes: ["orders:read"] })
  yield* Console.log(apiKey.name) // => robot
})

// A line holds all of a key, its hashes too: keep it as safe as the table. Without hashes it is for reports.
const moveOut = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys.ApiKeys
  const [line = ""] = yield* Stream.runCollect(apiKeys.export({ hashes: true }))
  const stored = yield* Effect.fromResult(ApiKeyTransfer.readRow(JSON.parse(line)))
  yield* Console.log(stored.apiKey.name, Redacted.isRedacted(stored.hash)) // => robot true
  yield* Console.log(ApiKeyTransfer.encodeLine(stored) === line) // => true
  const report = ApiKeyTransfer.encodeLine(new ApiKey.ApiKey(stored.apiKey))
  yield* Console.log(report.includes("hash")) // => false
})

const layer = ApiKeys.layerMemoryWith({ legacy: [legacy] })
await Effect.runPromise(Effect.provide(Effect.all([look, moveIn, moveOut]), layer))
