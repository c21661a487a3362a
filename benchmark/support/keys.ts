/** The service under test, and keys for it. */
import { Effect, Layer, Redacted } from "effect"
import * as ApiKeyRepository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as Argon2Node from "../../src/hasher/Argon2Node.ts"
import * as Hmac from "../../src/hasher/Hmac.ts"

export const pepper = Redacted.make("a pepper that only benchmarks use")

export const layerHmac = Hmac.layer({ pepper })
export const layerArgon2 = Argon2Node.layer({ pepper })

/** In memory, with the fast hasher. */
export const layerMemory = (options: ApiKeys.Options = {}) =>
  Layer.provideMerge(ApiKeys.layerWith(options), [layerHmac, ApiKeyRepository.layerMemory])

/** In memory, with the slow hasher. */
export const layerMemoryArgon2 = (options: ApiKeys.Options = {}) =>
  Layer.provideMerge(ApiKeys.layerWith(options), [layerArgon2, ApiKeyRepository.layerMemory])

/** Creates keys and gives their tokens. */
export const createKeys = (count: number) =>
  Effect.gen(function* () {
    const apiKeys = yield* ApiKeys.ApiKeys
    const tokens: Array<string> = []
    for (let index = 0; index < count; index++) {
      const { token } = yield* apiKeys.create({ name: `key ${index}`, ownerId: "acme", scopes: ["invoices:read"] })
      tokens.push(Redacted.value(token))
    }
    return tokens
  })
