// What one writes first with Effect: decode the token with a schema, look the key up, hash on each call, build errors as they come.
import { DateTime, Effect, Option, Schema } from "effect"
import { status } from "../../src/ApiKey.ts"
import { Expired, Inactive, InvalidSecret, NotFound } from "../../src/ApiKeyError.ts"
import { ApiKeyHasher } from "../../src/ApiKeyHasher.ts"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import { ApiKeys } from "../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../src/ApiKeyToken.ts"
import { createKeys, layerMemory } from "../support/keys.ts"
import { inOneFiber } from "../support/loop.ts"
import { shuffle, Tokens } from "../support/tokens.ts"
import { against, keyCount } from "./against.ts"

const decode = Schema.decodeUnknownEffect(ApiKeyToken.schema())

const program = Effect.gen(function* () {
  const hasher = yield* ApiKeyHasher
  const repository = yield* ApiKeyRepository
  yield* ApiKeys
  const verify = Effect.fn("verify")(function* (token: string) {
    const { keyId, secret } = yield* decode(token)
    const stored = yield* repository.findByKeyId(keyId)
    if (Option.isNone(stored)) return yield* new NotFound({ keyId })
    if (!(yield* hasher.verify(secret, stored.value.hash))) return yield* new InvalidSecret({ keyId })
    const { apiKey } = stored.value
    const now = yield* DateTime.now
    const current = status(apiKey, now)
    if (current === "inactive") return yield* new Inactive({ keyId })
    if (current === "expired") return yield* new Expired({ keyId, expiresAt: apiKey.expiresAt ?? now })
    return apiKey
  })
  const tokens = new Tokens(shuffle(yield* createKeys(keyCount)))
  yield* Effect.promise(() =>
    against(
      "naive",
      { before: tokens.renew, run: (count) => inOneFiber(count, (index) => verify(tokens.at(index))) },
      undefined,
      "schema-decoded token, memory repository and HMAC on every call",
    ),
  )
})

await Effect.runPromise(Effect.provide(program, layerMemory()))
