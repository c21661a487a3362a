/** The server reads the ring of sealing keys from the configuration. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Deferred, Effect, Layer, Redacted } from "effect"
import { InvalidSeals } from "../../src/hasher/Seals.ts"
import * as ApiKeyServer from "../../src/server.ts"
import { fieldsOf } from "../support/errors.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-api-key-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })),
)

describe("The server's ring of sealing keys", () => {
  it.live("seals the first key, and is told of by the report", () =>
    Effect.gen(function* () {
      const first = yield* Deferred.make<readonly [token: string, url: string]>()
      const env = { API_KEY_DATA_DIR: join(yield* folder, "data"), PORT: "0" }
      const start = (seals: string) =>
        Layer.build(
          ApiKeyServer.layerWith({
            onFirstKey: ({ token }, address) => Effect.asVoid(Deferred.succeed(first, [Redacted.value(token), address])),
          }),
        ).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ ...env, API_KEY_SEALS: seals }))))
      const refused = yield* Effect.flip(start("2026a"))
      assert.deepStrictEqual(fieldsOf(refused), fieldsOf(new InvalidSeals({ reason: "Malformed", position: 1 })))
      yield* start("2026a:a sealing key that is random")
      const [token, address] = yield* Deferred.await(first)
      const answer = yield* Effect.promise(() =>
        fetch(`${address}/api-keys/seal-report`, { headers: { authorization: `Bearer ${token}` } }),
      )
      const [usage, ...more]: ReadonlyArray<unknown> = yield* Effect.promise(() => answer.json())
      assert.deepStrictEqual(more, [])
      assert.deepInclude(usage, { count: 1, isConfigured: true, isCurrent: true })
      assert.match(JSON.stringify(usage), /"sealId":"2026a\.[0-9a-f]{16}"/)
    }).pipe(Effect.scoped),
  )
})
