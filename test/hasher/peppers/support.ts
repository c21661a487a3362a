/** What the tests here share. */
import { inspect } from "node:util"
import { assert } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { HasherError } from "../../../src/ApiKeyError.ts"
import { ApiKeyHasher, label, scheme, splitLabel } from "../../../src/ApiKeyHasher.ts"
import * as Argon2 from "../../../src/hasher/Argon2.ts"
import * as Argon2Node from "../../../src/hasher/Argon2Node.ts"
import * as Bcrypt from "../../../src/hasher/Bcrypt.ts"
import * as Hmac from "../../../src/hasher/Hmac.ts"
import * as Pepper from "../../../src/hasher/Pepper.ts"

export type Hasher = ApiKeyHasher["Service"]

export const secret = Redacted.make("s".repeat(64))

export const wrong = Redacted.make(`${"s".repeat(63)}t`)

export const cheap = { memory: 64, passes: 1, parallelism: 1 }

export const valueOf = (id: string) => Redacted.make(`the value of pepper <${id}>`)

export const pepperOf = (id: string): Pepper.Pepper => ({ id, value: valueOf(id) })

export const ringOf = (current: string, ...older: ReadonlyArray<string>): Pepper.PepperRing => ({
  current: pepperOf(current),
  older: older.map(pepperOf),
})

export const hashers = {
  Argon2: Argon2.layerPeppers({ parameters: cheap }),
  Argon2Node: Argon2Node.layerPeppers({ parameters: cheap }),
  Bcrypt: Bcrypt.layerPeppers({ cost: 4 }),
  Hmac: Hmac.layerPeppers,
}

export const use = <A, E, E2>(layer: Layer.Layer<ApiKeyHasher, E2>, f: (hasher: Hasher) => Effect.Effect<A, E>) =>
  ApiKeyHasher.use(f).pipe(Effect.provide(layer, { local: true }))

export const hash = <E>(layer: Layer.Layer<ApiKeyHasher, E>) => use(layer, (hasher) => hasher.hash(secret))

export const verify = <E>(layer: Layer.Layer<ApiKeyHasher, E>, hash: Redacted.Redacted, candidate = secret) =>
  use(layer, (hasher) => hasher.verify(candidate, hash))

export const isNow = (hasher: Hasher, hash: Redacted.Redacted) =>
  Effect.map(hasher.currentScheme ?? Effect.undefined, (current) => current === scheme(Redacted.value(hash)))

export const isCurrent = <E>(layer: Layer.Layer<ApiKeyHasher, E>, hash: Redacted.Redacted) => use(layer, (hasher) => isNow(hasher, hash))

/** Which of the peppers aren't there for the hasher's own hashes. */
export const missingOf = (hasher: Hasher, ...ids: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { inner } = splitLabel(scheme(Redacted.value(yield* hasher.hash(secret))))
    const asked = yield* Effect.forEach(ids, (id) => hasher.missingPepper?.(label(id, inner)) ?? Effect.undefined)
    return asked.filter((id) => id !== undefined)
  })

export const missing = (pepperId: string) => new HasherError({ reason: "MissingPepper", pepperId })

export const unsupported = new HasherError({ reason: "UnsupportedHash" })

export const fails = <A, E>(effect: Effect.Effect<A, E>, expected: unknown) =>
  Effect.map(Effect.flip(effect), (error) => assert.deepStrictEqual(error, expected))

export const shown = (...values: ReadonlyArray<unknown>) =>
  values.flatMap((value) => [inspect(value, { depth: 20, showHidden: true }), String(value), JSON.stringify(value) ?? ""]).join("\n")
