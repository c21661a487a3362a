// What the service's own statements take on the filled database. One line each: the median and the slowest of some runs, in milliseconds.
import { readFileSync } from "node:fs"
import { DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { KeyId } from "../../src/ApiKey.ts"
import { ApiKeyRepository, type Filter, type Sort } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as Cursor from "../../src/internal/record/cursor.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { quantile } from "../measure.ts"
import { layerHmac } from "../support/keys.ts"
import { shuffle } from "../support/tokens.ts"
import { layerClient, say, tokensFile } from "./database.ts"

const newest: Sort = { by: "createdAt", order: "desc" }
const byName: Sort = { by: "name", order: "asc" }

const program = Effect.gen(function* () {
  const { verify } = yield* ApiKeys.ApiKeys
  const repository = yield* ApiKeyRepository
  const sql = yield* SqlClient.SqlClient
  const time = <E>(name: string, runs: number, run: (index: number) => Effect.Effect<unknown, E>) =>
    Effect.gen(function* () {
      const times: Array<number> = []
      for (let index = 0; index < runs; index++) {
        const start = performance.now()
        yield* run(index)
        times.push(performance.now() - start)
      }
      say(`${name}: ${quantile(times, 0.5).toFixed(2)}, at most ${Math.max(...times).toFixed(2)} (${runs} runs)`)
    })
  const page = (name: string, filter: Filter, sort: Sort = newest, cursor = "", runs = 5) =>
    time(`search ${name}`, runs, () => repository.search({ filter, sort, limit: 50, page: { _tag: "Cursor", cursor } }))

  const sample = yield* sql<{ keyId: KeyId }>`SELECT key_id AS "keyId" FROM api_keys TABLESAMPLE SYSTEM (0.1) LIMIT 5000`
  const keyIds = shuffle(sample.map(({ keyId }) => keyId))
  yield* time("look-up by key id, first time", keyIds.length, (index) => repository.findByKeyId(keyIds[index]!))
  yield* time("look-up by key id, again", keyIds.length, (index) => repository.findByKeyId(keyIds[index]!))
  const tokens = shuffle(readFileSync(tokensFile, "utf8").split("\n"))
  yield* time("verify, first time", 5_000, (index) => verify(tokens[index]!))
  yield* time("verify, again", 5_000, (index) => verify(tokens[index]!))

  const middle = yield* sql<{ id: string; name: string; createdAt: Date }>`SELECT id, name, created_at AS "createdAt" FROM api_keys
    WHERE created_at < now() - interval '15000000 seconds' ORDER BY created_at DESC LIMIT 1`
  const { id, name, createdAt } = middle[0]!
  // The cursor reads no more of a record than these.
  const record = { id, name, createdAt: DateTime.makeUnsafe(createdAt) } as never
  const at = yield* DateTime.now
  yield* page("first page", {})
  yield* page("deep in it", {}, newest, Cursor.encode(record, newest))
  yield* page("deep by name", {}, byName, Cursor.encode(record, byName))
  yield* page("of an owner", { ownerId: "org_4711" })
  yield* page("of an owner, by name", { ownerId: "org_4711" }, byName)
  yield* page("of an owner, by last use", { ownerId: "org_4711" }, { by: "lastUsedAt", order: "desc" })
  yield* page("of an owner without keys", { ownerId: "nobody" })
  yield* page("by key id", { keyId: keyIds[0]! })
  yield* page("by the beginning of a key id", { startsWith: keyIds[0]!.slice(0, 8) })
  yield* page("by a name that many have", { name: "deploy" })
  yield* page("by a name that one has", { name }, newest, "", 1)
  yield* page("by a name that none has", { name: "none at all" }, newest, "", 1)
  yield* page("by a scope of a quarter", { scopes: ["*"] })
  yield* page("by a scope that none has", { scopes: ["nothing:read"] })
  yield* page("of inactive keys", { isActive: false })
  yield* page("never used", { neverUsed: true })
  yield* page("expired", { expired: { is: true, at } })
  yield* page("expired, by expiry", { expired: { is: true, at } }, { by: "expiresAt", order: "desc" })
  yield* time("search by offset, first page with the total", 1, () =>
    repository.search({ filter: {}, sort: newest, limit: 50, page: { _tag: "Offset", offset: 0 } }),
  )
  yield* time("search by offset 5,000,000", 1, () =>
    repository.search({ filter: {}, sort: newest, limit: 50, page: { _tag: "Offset", offset: 5_000_000 } }),
  )
  yield* time("count", 2, () => repository.count({}))
  yield* time("count of an owner", 3, () => repository.count({ ownerId: "org_4711" }))
  yield* time("hashReport", 1, () => repository.countSchemes(at))
  yield* time("sealReport", 1, () => repository.countSeals(at))
  const { kinds } = repository
  if (kinds !== undefined) {
    yield* time("kinds of tokens, at each start", 5, () => kinds.read)
    yield* time("a look for an unknown seal", 5, () => kinds.haveSeals(new Set([null, "unknown"]), at))
    yield* time("a look for an unknown scheme", 5, () => kinds.haveSchemes(new Set(["unknown"]), at))
  }
  const uses = yield* sql<{ id: never; keyId: KeyId }>`SELECT id, key_id AS "keyId" FROM api_keys TABLESAMPLE SYSTEM (0.2) LIMIT 10000`
  const used = shuffle(uses)
  for (let round = 0; round < 2; round++) {
    yield* time("touch of 1,000 uses", 10, (index) =>
      repository.touch(
        used.slice(index * 1_000, (index + 1) * 1_000).map((use) => ({ ...use, lastUsedAt: DateTime.add(at, { seconds: round }) })),
      ),
    )
  }
})

const layer = ApiKeys.layerWith({ cache: "off", lastUsedInterval: "1 hour" }).pipe(
  Layer.provideMerge(layerHmac),
  Layer.provideMerge(SqlRepository.layer),
  Layer.provideMerge(layerClient),
)

const start = performance.now()
await Effect.runPromise(
  Effect.provide(
    Effect.suspend(() => {
      say(`The service has started: ${(performance.now() - start).toFixed(0)}`)
      return program
    }),
    layer,
  ),
)
