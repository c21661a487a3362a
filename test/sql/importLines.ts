/**
 * Lines that are the same each time. Run by itself, it imports so many of them into the PostgreSQL it is given, and says after each batch how
 * many it has read.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Layer, Redacted, Stream } from "effect"
import { ApiKeyId, KeyId } from "../../src/ApiKey.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { encodeLine, fromNdjson } from "../../src/ApiKeyTransfer.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { makeStoredApiKey } from "../../src/internal/testing/fixtures.ts"

export const linesOf = (from: number, to: number): ReadonlyArray<string> =>
  Array.from({ length: to - from }, (_, offset) => {
    const digits = (from + offset).toString(16)
    const id = ApiKeyId.make(`01911111-0000-7000-8000-${digits.padStart(12, "0")}`)
    return encodeLine(makeStoredApiKey({ id, keyId: KeyId.make(`line-${digits}`), hash: `hash of ${digits}` }))
  })

if (import.meta.main) {
  const [url = "", rows = ""] = process.argv.slice(2)
  const layer = ApiKeys.layerWith({}).pipe(
    Layer.provide([Hmac.layer({ pepper: Redacted.make("a pepper that nothing is hashed with") }), SqlRepository.layer]),
    Layer.provide(PgClient.layer({ url: Redacted.make(url) })),
  )
  const program = ApiKeys.ApiKeys.use((apiKeys) =>
    Stream.runForEach(
      apiKeys.import(fromNdjson(Stream.fromIterable(linesOf(0, Number(rows)))), { batchSize: 500, unknownHashes: "accept" }),
      (event) => Effect.sync(() => void (event._tag === "Progress" && process.stdout.write(`${event.read}\n`))),
    ),
  )
  await Effect.runPromise(Effect.provide(program, layer))
}
