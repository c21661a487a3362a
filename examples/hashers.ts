// Hashers and peppers: a change from one hasher to another, rings of peppers and of sealing keys, and what a hash string tells.
// Run it with `npm run build && npx node examples/hashers.ts`.
import { createHmac, timingSafeEqual } from "node:crypto"
import { ConfigProvider, Console, Effect, Layer, Redacted } from "effect"
import { ApiKeyError, ApiKeyHasher, ApiKeySeals } from "effect-api-key"
import * as Argon2Node from "effect-api-key/hasher/Argon2Node"
import * as Bcrypt from "effect-api-key/hasher/Bcrypt"
import * as Hmac from "effect-api-key/hasher/Hmac"
import * as Pepper from "effect-api-key/hasher/Pepper"
import * as Seals from "effect-api-key/hasher/Seals"

const secret = Redacted.make("the secret of a token")
const hash = ApiKeyHasher.ApiKeyHasher.use((hasher) => hasher.hash(secret))
const verify = (hash: Redacted.Redacted) => ApiKeyHasher.ApiKeyHasher.use((hasher) => hasher.verify(secret, hash))

// The peppers of a ring have ids, which stand in front of the hashes. The current one makes new hashes; older ones check theirs.
const ring = Pepper.checkRing({
  current: { id: "2027a", value: Redacted.make("sixteen bytes at least, random") },
  older: [{ id: "2026a", value: Redacted.make("what was in use the year before") }, Pepper.builtIn],
})

const hashStrings = Effect.gen(function* () {
  const { current, older } = yield* ring
  const hashed = yield* Effect.provide(hash, Hmac.layerPeppers.pipe(Layer.provide(Pepper.layerRing({ current, older }))))
  const { pepper, inner } = ApiKeyHasher.splitLabel(Redacted.value(hashed))
  yield* Console.log(pepper, ApiKeyHasher.label(pepper, inner) === Redacted.value(hashed)) // => 2027a true

  // A scheme may be shown: it is what the hash string says without the hash.
  const scheme = ApiKeyHasher.scheme(Redacted.value(hashed))
  yield* Console.log(scheme) // => $pepper=2027a$hmac-sha256$v=1
  const { algorithm, parameters } = ApiKeyHasher.parseScheme(scheme)
  yield* Console.log(algorithm, parameters) // => hmac-sha256 v=1
})

// Hashes of bcrypt are checked on, and new ones are of Argon2id. Both read their peppers from the configuration.
const bcrypt = Bcrypt.layerConfig({ cost: 4 })
const argon2 = Argon2Node.layerConfig()
const change = Effect.gen(function* () {
  const old = yield* Effect.provide(hash, bcrypt)
  const both = ApiKeyHasher.layerSeveral(argon2, bcrypt)
  yield* Console.log(yield* Effect.provide(verify(old), both)) // => true
  const renewed = yield* Effect.provide(hash, both)
  yield* Console.log(ApiKeyHasher.parseScheme(ApiKeyHasher.scheme(Redacted.value(renewed))).algorithm) // => argon2id
})

// A hasher of your own beside one of the package's, which checks the hashes that yours doesn't support.
const layerOwn = Layer.effect(
  ApiKeyHasher.ApiKeyHasher,
  Effect.gen(function* () {
    const pepper = yield* Pepper.toBytes(yield* Pepper.config)
    const start = "$shop-sha512$"
    const digest = (secret: Redacted.Redacted) =>
      `${start}${createHmac("sha512", pepper).update(Redacted.value(secret)).digest("base64url")}`
    const own: ApiKeyHasher.ApiKeyHasher["Service"] = {
      hash: (secret) => Effect.sync(() => Redacted.make(digest(secret), { label: "hash" })),
      verify: (secret, hash) =>
        Effect.suspend(() => {
          if (!Redacted.value(hash).startsWith(start)) return Effect.fail(new ApiKeyError.HasherError({ reason: "UnsupportedHash" }))
          const [right, given] = [Buffer.from(digest(secret)), Buffer.from(Redacted.value(hash))]
          return Effect.succeed(right.length === given.length && timingSafeEqual(right, given))
        }),
      currentScheme: Effect.succeed(ApiKeyHasher.scheme(`${start}…`)),
    }
    return ApiKeyHasher.several(own, yield* Effect.service(ApiKeyHasher.ApiKeyHasher))
  }),
).pipe(Layer.provide(bcrypt))

const ownHasher = Effect.gen(function* () {
  const [old, own] = [yield* Effect.provide(hash, bcrypt), yield* Effect.provide(hash, layerOwn)]
  yield* Console.log(yield* Effect.provide(verify(old), layerOwn), yield* Effect.provide(verify(own), layerOwn)) // => true true
  yield* Console.log(ApiKeyHasher.scheme(Redacted.value(own))) // => $shop-sha512
})

// Sealing keys have a ring of their own, which a program may read again when it is told that they have changed.
const seals = Effect.gen(function* () {
  const { older } = yield* Seals.checkRing({
    current: { id: "2027a", value: Redacted.make("another sixteen bytes, random") },
    older: [{ id: "2026a", value: Redacted.make("what sealed the year before") }],
  })
  yield* Console.log(older.length) // => 1
  yield* Seals.reload
  const keys = yield* ApiKeySeals.ApiKeySeals.use((seals) => seals.keys)
  yield* Console.log(keys?.current.id.split(".")[0], keys?.older.length) // => 2026b 0
}).pipe(Effect.provide(Seals.layerConfig))

const environment = ConfigProvider.fromEnv({
  env: { API_KEY_PEPPER: "sixteen bytes at least", API_KEY_SEALS: "2026b:sixteen bytes at least and random" },
})
const program = Effect.all([hashStrings, change, ownHasher, seals]).pipe(Effect.provideService(ConfigProvider.ConfigProvider, environment))
await Effect.runPromise(program)
