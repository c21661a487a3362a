// How fast each hasher verifies, as a share of the bare function that it calls.
import { argon2 as nodeArgon2, createHmac, createSecretKey, randomBytes } from "node:crypto"
import * as nodeBcrypt from "@node-rs/bcrypt"
import { Effect, type Layer, Redacted } from "effect"
import { ApiKeyHasher } from "../../src/ApiKeyHasher.ts"
import * as Argon2 from "../../src/hasher/Argon2.ts"
import * as Argon2Node from "../../src/hasher/Argon2Node.ts"
import * as Bcrypt from "../../src/hasher/Bcrypt.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"
import { emit } from "../figure.ts"
import { measure, share } from "../measure.ts"
import { pepper } from "../support/keys.ts"

const secret = Redacted.make(randomBytes(32).toString("hex"))
const key = createSecretKey(Buffer.from(Redacted.value(pepper)))

const argon2 = () =>
  new Promise<unknown>((resolve) => {
    nodeArgon2(
      "argon2id",
      {
        message: Redacted.value(secret),
        nonce: "0123456789abcdef",
        secret: Redacted.value(pepper),
        tagLength: 32,
        memory: 19_456,
        passes: 2,
        parallelism: 1,
      },
      resolve,
    )
  })
const hmac = () => createHmac("sha256", key).update(Redacted.value(secret)).digest()
const bcryptHash = await nodeBcrypt.hash(hmac().toString("base64"), { cost: 8 })
const bcrypt = () => nodeBcrypt.verify(hmac().toString("base64"), bcryptHash)

const compare = (name: string, layer: Layer.Layer<ApiKeyHasher, unknown>, bare: () => unknown, milliseconds: number) =>
  Effect.gen(function* () {
    const hasher = yield* ApiKeyHasher
    const hash = yield* hasher.hash(secret)
    const repeat = (call: () => unknown) => ({
      run: async (count: number) => {
        for (let index = 0; index < count; index++) await call()
      },
    })
    const rates = yield* Effect.promise(() =>
      measure({ hasher: repeat(() => Effect.runPromise(hasher.verify(secret, hash))), bare: repeat(bare) }, { milliseconds }),
    )
    emit({
      benchmark: "hashers",
      name: `${name}, of the bare function`,
      unit: "share",
      ...share(rates, "hasher", "bare"),
      note: "one at a time",
    })
  }).pipe(Effect.provide(layer))

await Effect.runPromise(
  Effect.gen(function* () {
    yield* compare("Argon2", Argon2.layer({ pepper }), argon2, 500)
    yield* compare("Argon2Node", Argon2Node.layer({ pepper }), argon2, 500)
    yield* compare("Bcrypt", Bcrypt.layer({ pepper, cost: 8 }), bcrypt, 500)
    yield* compare("Hmac", Hmac.layer({ pepper }), hmac, 150)
  }),
)
