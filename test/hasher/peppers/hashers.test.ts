import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Layer, Redacted, Schema } from "effect"
import { ApiKeyHasher, label, scheme, splitLabel } from "../../../src/ApiKeyHasher.ts"
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
  missingOf,
  missing,
  unsupported,
  fails,
  shown,
} from "./support.ts"

const singles = {
  Argon2: (pepper?: Redacted.Redacted) => Argon2.layer({ pepper, parameters: cheap }),
  Argon2Node: (pepper?: Redacted.Redacted) => Argon2Node.layer({ pepper, parameters: cheap }),
  Bcrypt: (pepper?: Redacted.Redacted) => Bcrypt.layer({ pepper, cost: 4 }),
  Hmac: (pepper?: Redacted.Redacted) => Hmac.layer({ pepper }),
}

const Id = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{0,32}$/))

// One to five peppers, each with its own id; which may be "".
const Ids = Schema.NonEmptyArray(Id).check(Schema.isMaxLength(5), Schema.isUnique())

for (const [name, hasher] of Object.entries(hashers)) {
  const under = (ring: Pepper.PepperRing) => hasher.pipe(Layer.provide(Pepper.layerRing(ring)))
  const single = singles[name as keyof typeof singles]
  describe(name, () => {
    it.effect.prop(
      "checks what any pepper of the ring made, wherever in the ring it is",
      { ids: Ids, turn: Schema.Natural, removed: Schema.Natural },
      ({ ids, turn, removed }) =>
        Effect.gen(function* () {
          const [current = "", ...older] = [...ids.slice(turn % ids.length), ...ids.slice(0, turn % ids.length)]
          const layer = under(ringOf(current, ...older))
          assert.deepStrictEqual(yield* use(layer, (hasher) => missingOf(hasher, ...ids)), [])
          const made = yield* hash(layer)
          assert.strictEqual(splitLabel(Redacted.value(made)).pepper, current)
          for (const id of ids) {
            const old = yield* hash(under(ringOf(id)))
            assert.isTrue(yield* verify(layer, old))
            assert.isFalse(yield* verify(layer, old, wrong))
            assert.strictEqual(yield* isCurrent(layer, old), id === current)
          }
          const gone = ids[removed % ids.length]!
          const [first, ...rest] = ids.filter((id) => id !== gone)
          const left = under(first === undefined ? ringOf(gone === "x" ? "y" : "x") : ringOf(first, ...rest))
          assert.deepStrictEqual(yield* use(left, (hasher) => missingOf(hasher, ...ids)), [gone])
          for (const candidate of [secret, wrong]) yield* fails(verify(left, yield* hash(under(ringOf(gone))), candidate), missing(gone))
        }),
      { arbitrary: { runs: 15 } },
    )

    it.effect("doesn't take a hash under another label, or under none", () =>
      Effect.gen(function* () {
        const ids = ["a", "b", ""]
        const layer = under(ringOf("a", "b", ""))
        for (const made of ids) {
          const { inner } = splitLabel(Redacted.value(yield* hash(under(ringOf(made)))))
          for (const claimed of ids) {
            assert.strictEqual(yield* verify(layer, Redacted.make(label(claimed, inner))), claimed === made, `${made} as ${claimed}`)
          }
          yield* fails(verify(layer, Redacted.make(label("c", inner))), missing("c"))
          for (const broken of [
            `$pepper=${inner}`,
            `$pepper=a b${inner}`,
            `$pepper=${"a".repeat(33)}${inner}`,
            `$pepper=a$pepper=a${inner}`,
          ]) {
            yield* fails(verify(layer, Redacted.make(broken)), unsupported)
          }
        }
      }),
    )

    it.effect("goes on from a single pepper, and from the built-in one", () =>
      Effect.gen(function* () {
        const before = yield* hash(single(valueOf("")))
        assert.strictEqual(yield* isCurrent(single(valueOf("")), before), true)
        assert.deepStrictEqual(yield* use(single(valueOf("")), (hasher) => missingOf(hasher, "", "a")), ["a"])
        const after = under(ringOf("2026a", ""))
        assert.isTrue(yield* verify(after, before))
        assert.isFalse(yield* verify(after, before, wrong))
        assert.strictEqual(yield* isCurrent(after, before), false)
        yield* fails(verify(under(ringOf("2026a")), before), missing(""))
        yield* fails(verify(single(valueOf("")), yield* hash(after)), missing("2026a"))

        const builtIn = yield* hash(single())
        assert.isTrue(yield* verify(under({ current: pepperOf("2026a"), older: [Pepper.builtIn] }), builtIn))
        yield* fails(verify(under(ringOf("2026a")), builtIn), missing(""))
        // The unlabelled pepper took its place: then it is a wrong secret, as it always was.
        assert.isFalse(yield* verify(after, builtIn))
      }),
    )

    it.effect("a hash of another algorithm is unsupported, even if its pepper is missing", () =>
      Effect.gen(function* () {
        for (const [other, layer] of Object.entries(hashers)) {
          if (other.slice(0, 6) === name.slice(0, 6)) continue
          const made = yield* hash(layer.pipe(Layer.provide(Pepper.layerRing(ringOf("gone")))))
          yield* fails(verify(under(ringOf("a")), made), unsupported)
          assert.strictEqual(yield* isCurrent(under(ringOf("gone")), made), false)
          const theirs = scheme(Redacted.value(made))
          yield* fails(
            use(under(ringOf("a")), (hasher) => hasher.missingPepper?.(theirs) ?? Effect.undefined),
            unsupported,
          )
        }
      }),
    )

    it.effect("a ring that changes is followed without a restart", () => {
      let ring = ringOf("a")
      const peppers = Layer.succeed(Pepper.Peppers, { ring: Effect.sync(() => ring) })
      return Effect.gen(function* () {
        const hasher = yield* ApiKeyHasher
        const underA = yield* hasher.hash(secret)
        ring = ringOf("b", "a")
        assert.isTrue(yield* hasher.verify(secret, underA))
        assert.isFalse(yield* isNow(hasher, underA))
        const underB = yield* hasher.hash(secret)
        assert.isTrue(yield* isNow(hasher, underB))
        // The same id with another value is another pepper, not the one that was prepared.
        ring = { current: { id: "a", value: valueOf("another") }, older: [pepperOf("b")] }
        assert.isFalse(yield* hasher.verify(secret, underA))
        assert.isTrue(yield* hasher.verify(secret, underB))
        ring = ringOf("c")
        yield* fails(hasher.verify(secret, underB), missing("b"))
        // An unsound ring hashes nothing, under no pepper.
        ring = { current: { id: "c", value: Redacted.make("too short") }, older: [] }
        const error = yield* Effect.flip(hasher.hash(secret))
        assert.deepStrictEqual([error.reason, error.cause], ["Failed", new Pepper.PepperTooShort({ actualBytes: 9, position: 1 })])
        yield* fails(hasher.currentScheme!, error)
        yield* fails(hasher.missingPepper!(scheme(Redacted.value(underA))), error)
      }).pipe(Effect.provide(hasher.pipe(Layer.provide(peppers))))
    })

    it.effect("shows no pepper", () =>
      Effect.gen(function* () {
        const peppers = Pepper.layerRing(ringOf("a", "b", ""))
        const service = yield* ApiKeyHasher.pipe(Effect.provide(hasher.pipe(Layer.provide(peppers))))
        const alone = yield* ApiKeyHasher.pipe(Effect.provide(single(valueOf("a"))))
        const error = yield* Effect.flip(service.verify(secret, yield* hash(under(ringOf("gone")))))
        assert.include(error.message, "the pepper gone isn't configured")
        const text = shown(
          ...[service, alone].flatMap((hasher) => [
            hasher,
            hasher.hash(secret),
            hasher.currentScheme,
            hasher.missingPepper?.("$hmac-sha256$v=1"),
          ]),
          yield* Pepper.Peppers.pipe(Effect.provide(peppers)),
          peppers,
          error,
          Cause.fail(error),
        )
        // A block of HMAC's, which stands for a pepper.
        assert.notMatch(text, /Uint8Array\(64\)|"63":/)
        for (const id of ["a", "b", "", "gone"]) {
          assert.notInclude(text, Redacted.value(valueOf(id)))
          // As an inspected buffer would show it.
          assert.notInclude(
            text,
            Buffer.from(Redacted.value(valueOf(id)))
              .toString("hex")
              .match(/../g)!
              .join(" ")
              .slice(0, 40),
          )
        }
      }),
    )
  })
}
