// 100,000 keys into PostgreSQL, from lines of JSON as an export writes them and from another system's CSV: how long it takes, and how much of
// the heap is in use meanwhile, against a tenth of the keys.
import { hash } from "node:crypto"
import { Context, DateTime, Effect, Layer, Stream } from "effect"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyTransfer from "../../src/ApiKeyTransfer.ts"
import * as Sha256 from "../../src/legacy/Sha256.ts"
import { set } from "../../src/Scope.ts"
import { makeStoredApiKey } from "../../src/internal/testing/fixtures.ts"
import { emit } from "../figure.ts"
import { layerHmac } from "../support/keys.ts"
import { makeDatabase } from "../support/postgres.ts"

const count = 100_000
const scopes = set("invoices:read", "invoices:write")
const utf8 = new TextEncoder()

const lineOf = (index: number): string => {
  const createdAt = DateTime.makeUnsafe(1_750_000_000_000 + index)
  const name = `key ${index}`
  const ownerId = `owner ${index % 1_000}`
  const hash = `$hmac-sha256$${index.toString().padStart(43, "A")}`
  return ApiKeyTransfer.encodeLine(
    makeStoredApiKey({ name, ownerId, scopes, metadata: { plan: "gold", seats: index }, createdAt, updatedAt: createdAt, hash }),
  )
}

const rowOf = (index: number): string =>
  `${index},owner ${index % 1_000},${hash("sha256", `token ${index}`, "hex")},key ${index},"invoices:read,invoices:write",2024-01-01 00:00:00.123+00,,,\n`

// Files' bytes, without files.
const toBytes = (lineOf: (index: number) => string) => utf8.encode(Array.from({ length: count }, (_, index) => lineOf(index)).join(""))
const lines = toBytes(lineOf)
const csvHeader = utf8.encode("id,user_id,key_hash,name,scopes,created_at,expires_at,revoked_at,last_used_at\n")
const csvRows = toBytes(rowOf)
const chunkSize = 65_536

const fileOf = (bytes: Uint8Array, keys: number) => {
  const share = bytes.subarray(0, Math.floor((bytes.length * keys) / count))
  const chunks = Array.from({ length: Math.ceil(share.length / chunkSize) }, (_, index) => index * chunkSize)
  // One at a time, as a file is read.
  return Stream.map(Stream.rechunk(Stream.fromIterable(chunks), 1), (at) => share.slice(at, at + chunkSize))
}

const fromLines = (apiKeys: ApiKeys.ApiKeys["Service"], keys: number) => apiKeys.import(ApiKeyTransfer.fromNdjson(fileOf(lines, keys)))

const fromCsv = (apiKeys: ApiKeys.ApiKeys["Service"], keys: number) =>
  apiKeys.import(ApiKeyTransfer.fromCsv(Stream.concat(Stream.make(csvHeader), fileOf(csvRows, keys))), { from: Sha256.make() })

/** Imports into a table of its own, and gives how long it took and the most that was in use after a batch. */
const run = (source: typeof fromLines, keys: number, inUse: () => number) =>
  Effect.gen(function* () {
    const services = yield* Layer.build(ApiKeys.layerWith({}).pipe(Layer.provide([layerHmac, makeDatabase().layer])))
    const apiKeys = Context.get(services, ApiKeys.ApiKeys)
    const before = inUse()
    const begun = performance.now()
    let most = 0
    let inserted = 0
    yield* Stream.runForEach(source(apiKeys, keys), (event) =>
      Effect.sync(() => {
        most = Math.max(most, inUse() - before)
        if (event._tag === "Progress") inserted = event.inserted
      }),
    )
    return { milliseconds: performance.now() - begun, most, inserted }
  }).pipe(Effect.scoped)

const heapInUse = () => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const program = Effect.gen(function* () {
  for (const [source, name, note] of [
    [fromLines, "importing 100,000 keys into PostgreSQL", "from lines of JSON, in batches of 1,000"],
    [fromCsv, "importing 100,000 keys of another system into PostgreSQL", "from CSV with SHA-256, in batches of 1,000"],
  ] as const) {
    yield* run(source, 10_000, () => 0)
    const { milliseconds, inserted } = yield* run(source, count, () => 0)
    emit({
      benchmark: "import",
      name,
      unit: "milliseconds",
      target: { atMost: 10_000 },
      value: milliseconds,
      rates: { "keys a second": (inserted / milliseconds) * 1_000 },
      note,
    })
  }
  const few = yield* run(fromLines, 10_000, heapInUse)
  const many = yield* run(fromLines, count, heapInUse)
  emit({
    benchmark: "import",
    name: "heap in use while importing 100,000 keys, at the most",
    unit: "bytes",
    target: { atMost: 32 * 2 ** 20 },
    value: many.most,
    rates: { "10,000 keys": few.most, "100,000 keys": many.most },
    note: "above what was in use before; the rates are bytes",
  })
})

await Effect.runPromise(program)
