import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { HasherError } from "../../../src/ApiKeyError.ts"
import { ApiKeyHasher, label, layerEphemeral, layerSeveral, scheme, several, splitLabel } from "../../../src/ApiKeyHasher.ts"
import * as Argon2 from "../../../src/hasher/Argon2.ts"
import * as Argon2Node from "../../../src/hasher/Argon2Node.ts"
import * as Bcrypt from "../../../src/hasher/Bcrypt.ts"
import * as Hmac from "../../../src/hasher/Hmac.ts"
import * as Pepper from "../../../src/hasher/Pepper.ts"
import {
  secret,
  wrong,
  cheap,
  valueOf,
  pepperOf,
  ringOf,
  hashers,
  use,
  hash,
  verify,
  isNow,
  isCurrent,
  missing,
  unsupported,
  fails,
} from "./support.ts"

describe("currentScheme", () => {
  it.effect("says whether algorithm, parameters and pepper are those of new hashes", () =>
    Effect.gen(function* () {
      const peppers = Pepper.layerRing(ringOf("a", "b"))
      const others = Pepper.layerRing(ringOf("b", "a"))
      const variants = [
        Argon2.layerPeppers({ parameters: cheap }),
        Argon2.layerPeppers({ parameters: { ...cheap, memory: 65 } }),
        Argon2.layerPeppers({ parameters: { ...cheap, passes: 2 } }),
        Argon2.layerPeppers({ parameters: { memory: 64, passes: 1, parallelism: 2 } }),
        Bcrypt.layerPeppers({ cost: 4 }),
        Bcrypt.layerPeppers({ cost: 5 }),
        Hmac.layerPeppers,
      ].flatMap((layer) => [Layer.provide(layer, peppers), Layer.provide(layer, others)])
      const made = yield* Effect.forEach(variants, hash)
      for (const [i, layer] of variants.entries()) {
        for (const [j, text] of made.entries()) assert.strictEqual(yield* isCurrent(layer, text), i === j, scheme(Redacted.value(text)))
      }
      // The other Argon2 writes the same strings; an older version of bcrypt's are others.
      assert.isTrue(yield* isCurrent(Layer.provide(Argon2Node.layerPeppers({ parameters: cheap }), peppers), made[0]!))
      const bcrypt = Redacted.value(made[8]!)
      assert.isFalse(yield* isCurrent(variants[8]!, Redacted.make(bcrypt.replace("$2b$", "$2a$"))))
      assert.isTrue(yield* isCurrent(layerEphemeral, yield* hash(layerEphemeral)))
      assert.isFalse(yield* isCurrent(layerEphemeral, made[0]!))
    }),
  )
})

describe("a ring", () => {
  const good = ringOf("a", "b")
  const check = (ring: Pepper.PepperRing) => Effect.provide(Pepper.Peppers, Pepper.layerRing(ring), { local: true })
  const invalid = (reason: Pepper.InvalidPeppers["reason"], position: number) => new Pepper.InvalidPeppers({ reason, position })

  it.effect("is refused when it is unsound, by a layer and by a hasher over a service of one's own", () =>
    Effect.gen(function* () {
      yield* check(good)
      for (const [ring, error] of [
        [{ ...good, older: [...good.older, { id: "a", value: valueOf("c") }] }, invalid("DuplicateId", 3)],
        [{ ...good, older: [...good.older, { id: "c", value: valueOf("a") }] }, invalid("DuplicateValue", 3)],
        [{ current: pepperOf(""), older: [Pepper.builtIn] }, invalid("DuplicateId", 2)],
        ...["a b", "a:b", "a$b", "é", "a\n", "x".repeat(33)].map((id) => [ringOf("a", id), invalid("InvalidId", 2)] as const),
        [
          { ...good, current: { id: "c", value: Redacted.make("é".repeat(7)) } },
          new Pepper.PepperTooShort({ actualBytes: 14, position: 1 }),
        ],
      ] as const) {
        yield* fails(check(ring), error)
        const own = Layer.succeed(Pepper.Peppers, { ring: Effect.succeed(ring) })
        yield* fails(hash(Hmac.layerPeppers.pipe(Layer.provide(own))), error)
        assert.isNotEmpty(error.message)
      }
      yield* check({ current: { id: "x".repeat(32), value: Redacted.make("é".repeat(8)) }, older: [] })
    }),
  )

  it.effect("that can't be read is an error of the hasher that gives the reason", () => {
    let isUp = true
    const down = new Pepper.PeppersUnavailable({ reason: "the KMS is down" })
    const peppers = Layer.succeed(Pepper.Peppers, { ring: Effect.suspend(() => (isUp ? Effect.succeed(good) : Effect.fail(down))) })
    return Effect.gen(function* () {
      const hasher = yield* ApiKeyHasher
      const made = yield* hasher.hash(secret)
      isUp = false
      const failed = new HasherError({ reason: "Failed", cause: down })
      yield* fails(hasher.verify(secret, made), failed)
      yield* fails(hasher.currentScheme!, failed)
      yield* fails(hasher.missingPepper!(scheme(Redacted.value(made))), failed)
      yield* fails(hash(Hmac.layerPeppers.pipe(Layer.provide(peppers))), down)
      isUp = true
      assert.isTrue(yield* hasher.verify(secret, made))
    }).pipe(Effect.provide(Hmac.layerPeppers.pipe(Layer.provide(peppers))))
  })
})

describe("several", () => {
  const argon2 = Layer.provide(hashers.Argon2, Pepper.layerRing(ringOf("b", "a")))
  const bcrypt = Layer.provide(hashers.Bcrypt, Pepper.layerRing(ringOf("a", "")))
  const hmac = Layer.provide(hashers.Hmac, Pepper.layerRing(ringOf("a")))

  it.effect("the first writes, and all check what is theirs", () =>
    Effect.gen(function* () {
      const layers = [argon2, bcrypt, hmac] as const
      const made = yield* Effect.forEach(layers, hash)
      for (const [index, first] of layers.entries()) {
        const layer = layerSeveral(first, ...layers.toSpliced(index, 1))
        const own = yield* hash(layer)
        assert.strictEqual(scheme(Redacted.value(own)), scheme(Redacted.value(made[index]!)))
        for (const [other, text] of made.entries()) {
          assert.isTrue(yield* verify(layer, text))
          assert.isFalse(yield* verify(layer, text, wrong))
          assert.strictEqual(yield* isCurrent(layer, text), other === index)
        }
        yield* fails(verify(layer, yield* hash(layerEphemeral)), unsupported)
        yield* fails(verify(layer, Redacted.make("x")), unsupported)
        // Each is asked for its own hashes: they needn't have the same peppers.
        const missingIds = yield* Effect.forEach(made, (text) =>
          use(layer, ({ missingPepper }) =>
            Effect.forEach(["a", "b", ""], (id) => missingPepper!(label(id, splitLabel(scheme(Redacted.value(text))).inner))),
          ),
        )
        assert.deepStrictEqual(missingIds, [
          [undefined, undefined, ""],
          [undefined, "b", undefined],
          [undefined, "b", ""],
        ])
        for (const name of ["$hmac-sha256-ephemeral", "", "$x"]) {
          yield* fails(
            use(layer, ({ missingPepper }) => missingPepper!(name)),
            unsupported,
          )
        }
      }
    }),
  )

  it.effect("a broken hash, or one whose pepper is missing, isn't passed on", () =>
    Effect.gen(function* () {
      const layer = layerSeveral(bcrypt, argon2, hmac)
      yield* fails(verify(layer, yield* hash(Layer.provide(hashers.Argon2, Pepper.layerRing(ringOf("gone"))))), missing("gone"))
      for (const text of ["$2b$04$x", "$argon2id$x", "$pepper=a$hmac-sha256$v=1$x"]) {
        yield* fails(verify(layer, Redacted.make(text)), new HasherError({ reason: "MalformedHash" }))
      }
    }),
  )

  it.effect("one is several too, and members that say nothing count for nothing", () =>
    Effect.gen(function* () {
      const plain = Layer.succeed(ApiKeyHasher, { hash: Effect.succeed, verify: () => Effect.fail(unsupported) })
      const made = scheme(Redacted.value(yield* hash(argon2)))
      const others = [label("gone", splitLabel(made).inner), "$hmac-sha256$v=1"]
      for (const layer of [layerSeveral(argon2), layerSeveral(argon2, plain), layerSeveral(plain, argon2)]) {
        const ask = (name: string) => use(layer, ({ missingPepper }) => missingPepper!(name))
        assert.deepStrictEqual(yield* Effect.forEach([made, others[0]!], ask), [undefined, "gone"])
        yield* fails(ask(others[1]!), unsupported)
      }
      assert.isUndefined(yield* use(layerSeveral(plain, layerEphemeral), ({ missingPepper }) => Effect.succeed(missingPepper)))
      assert.isUndefined(yield* use(layerSeveral(plain, argon2), ({ currentScheme }) => Effect.succeed(currentScheme)))
      assert.isTrue(yield* verify(layerSeveral(plain, argon2), yield* hash(argon2)))
    }),
  )

  it.effect("keeps as many threads busy as the one that needs most", () =>
    Effect.gen(function* () {
      const wide = Argon2.layer({ pepper: valueOf(""), parameters: { memory: 64, passes: 1, parallelism: 3 } })
      const threads = <E>(layer: Layer.Layer<ApiKeyHasher, E>) => use(layer, (hasher) => Effect.succeed(hasher.threads))
      assert.strictEqual(yield* threads(layerSeveral(hmac, wide, bcrypt)), 3)
      assert.strictEqual(yield* threads(layerSeveral(hmac)), 0)
    }),
  )

  it.effect("keeps the layers' own errors and needs, and shares what they share", () => {
    let builds = 0
    const peppers = Layer.effect(
      Pepper.Peppers,
      Effect.sync(() => (builds++, { ring: Effect.succeed(ringOf("a")) })),
    )
    const layer = layerSeveral(hashers.Argon2Node, hashers.Hmac, layerEphemeral)
    expectTypeOf(layer).toEqualTypeOf<Layer.Layer<ApiKeyHasher, Pepper.PepperError | Argon2Node.Argon2Unavailable, Pepper.Peppers>>()
    expectTypeOf(layerSeveral(layerEphemeral)).toEqualTypeOf<Layer.Layer<ApiKeyHasher>>()
    return Effect.gen(function* () {
      const hasher = yield* ApiKeyHasher
      assert.isTrue(yield* hasher.verify(secret, yield* hasher.hash(secret)))
      assert.strictEqual(builds, 1)
      const failing = Layer.effect(ApiKeyHasher, Effect.fail("no such hasher"))
      yield* fails(hash(layerSeveral(hmac, failing)), "no such hasher")
    }).pipe(Effect.provide(layer.pipe(Layer.provide(peppers))))
  })

  it.effect("of services does the same", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* use(argon2, Effect.succeed), yield* use(hmac, Effect.succeed)]
      assert.isTrue(yield* several(a, b).verify(secret, yield* b.hash(secret)))
      assert.isFalse(yield* isNow(several(a, b), yield* b.hash(secret)))
      assert.isTrue(yield* isNow(several(a, b), yield* several(a, b).hash(secret)))
    }),
  )
})
