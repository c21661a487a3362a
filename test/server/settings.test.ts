import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { loadPeppers } from "../../src/internal/wiring/settings.ts"

it.effect("a pepper is made once, and not when the folder is gone while the server runs", () =>
  Effect.gen(function* () {
    const place = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-api-key-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })),
    )
    const dataDir = join(place, "data")
    const none = Option.none()
    const config = { databaseUrl: none, dataDir, acceptsBuiltInPepper: false }
    const load = (options: { readonly mayMake: boolean }) => loadPeppers({ ...config, peppers: [none, none, none] }, options)
    const reload = load({ mayMake: false })
    const gone = Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(reload))._tag, "DataDirError")
      assert.isFalse(existsSync(dataDir))
    })
    yield* gone
    const { current } = yield* load({ mayMake: true })
    assert.strictEqual(Redacted.value(current.value), readFileSync(join(dataDir, "pepper"), "utf8").trim())
    assert.strictEqual(Redacted.value((yield* reload).current.value), Redacted.value(current.value))
    rmSync(dataDir, { recursive: true })
    yield* gone
  }),
)
