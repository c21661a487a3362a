// In an Effect app: issue a key, verify it, take it back. Run it with `npm run build && npx node examples/effect-app.ts`.
import { Console, DateTime, Effect, Layer, Redacted } from "effect"
import { ApiKeys } from "effect-api-key"
import * as Argon2 from "effect-api-key/hasher/Argon2"
import * as Pglite from "effect-api-key/sql/Pglite"

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys.ApiKeys
  const { apiKey, token } = yield* apiKeys.create({
    name: "ci of Acme",
    ownerId: "acme",
    scopes: ["invoices:read"],
    expiresAt: DateTime.add(yield* DateTime.now, { days: 30 }),
  })
  yield* Console.log(`issued ${apiKey.name}: …${apiKey.hint}`)

  const verified = yield* apiKeys.verify(token, { scopes: ["invoices:read"] })
  yield* Console.log(`verified for ${verified.apiKey.ownerId}`)

  const refused = yield* Effect.flip(apiKeys.verify(token, { scopes: ["invoices:write"] }))
  yield* Console.log(`refused: ${refused.message}`)

  yield* apiKeys.deactivate(apiKey.id)
  yield* Console.log(`refused: ${(yield* Effect.flip(apiKeys.verify(token))).message}`)
})

const hasher = Argon2.layer({ pepper: Redacted.make("from your secret store, in earnest") })
const live = ApiKeys.layer.pipe(Layer.provide([hasher, Pglite.layerPglite()]))

await Effect.runPromise(Effect.provide(program, live))
