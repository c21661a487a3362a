/** Opens the folder it is given, inserts the key of the given name, says so, and stays. Run by `Pglite.test.ts`. */
import { Effect, Layer } from "effect"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import * as Pglite from "../../src/sql/Pglite.ts"
import { makeStoredApiKey } from "../../src/internal/testing/fixtures.ts"

const [dataDir = "", name = ""] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const repository = yield* ApiKeyRepository
  yield* repository.insert(makeStoredApiKey({ name }))
  process.stdout.write("ready\n")
  return yield* Effect.never
})

Effect.runFork(Effect.provide(program, Pglite.layerPglite({ dataDir }).pipe(Layer.orDie)))
setInterval(() => {}, 1_000)
