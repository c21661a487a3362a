import { assert, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Keyring from "../../../src/internal/hasher/keyring.ts"
import * as Pepper from "../../../src/hasher/Pepper.ts"
import { valueOf, ringOf } from "./support.ts"

it.effect("what was made of a pepper is kept as long as it is in the ring, and no longer", () => {
  let ring = ringOf("a", "b")
  const prepared: Array<string> = []
  return Effect.gen(function* () {
    const keys = yield* Keyring.fromPeppers((pepper) => prepared.push(Buffer.from(pepper).toString("utf8")))
    const prepares = (next: Pepper.PepperRing, ...ids: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        ring = next
        yield* Effect.orDie(keys)
        assert.deepStrictEqual(
          prepared.splice(0),
          ids.map((id) => Redacted.value(valueOf(id))),
        )
      })
    yield* prepares(ring, "a", "b")
    yield* prepares(ringOf("b", "a"))
    yield* prepares(ringOf("c", "b"), "c")
    yield* prepares(ringOf("c", "a"), "a")
  }).pipe(Effect.provideService(Pepper.Peppers, { ring: Effect.sync(() => ring) }))
})
