/** Calls by others that go on beside what is measured. */
import { Effect, Fiber } from "effect"
import { ApiKeys } from "../../src/ApiKeys.ts"
import { measure, type Rates } from "../measure.ts"
import { inOneFiber } from "./loop.ts"
import { separateThreads } from "./threads.ts"
import type { Tokens } from "./tokens.ts"

export interface Assault {
  readonly start: () => void
  readonly stop: () => Promise<void>
  /** How the calls since the start ended, by the error's tag. */
  readonly outcomes: Map<string, number>
}

/** Keeps `inFlight` calls going: one that ends is followed by the next, in a later turn of the event loop. */
export const keepBusy = (call: () => Effect.Effect<unknown, { readonly _tag: string }>, inFlight: number): Assault =>
  assault((outcomes) =>
    Effect.forEach(
      Array(inFlight).keys(),
      () =>
        Effect.forever(
          Effect.andThen(
            Effect.suspend(() => counted(call(), outcomes)),
            Effect.sleep("1 millis"),
          ),
        ),
      { concurrency: "unbounded", discard: true },
    ),
  )

/** Makes so many calls a second, without waiting for them. */
export const flood = (call: () => Effect.Effect<unknown, { readonly _tag: string }>, perSecond: number): Assault =>
  assault((outcomes) =>
    Effect.gen(function* () {
      const start = performance.now()
      for (let made = 0; ;) {
        const due = ((performance.now() - start) / 1_000) * perSecond
        for (; made < due; made++) yield* Effect.forkChild(Effect.suspend(() => counted(call(), outcomes)))
        yield* Effect.sleep("5 millis")
      }
    }),
  )

/** The rates of verifying the tokens under the assault and in peace, and how the last round's calls ended. */
export const measureUnder = Effect.fnUntraced(function* (assault: Assault, tokens: Tokens, milliseconds: number) {
  const apiKeys = yield* ApiKeys
  const isSeparate = separateThreads()
  const run = (count: number) => inOneFiber(count, (index) => apiKeys.verify(tokens.at(index)))
  // What is measured are holders whose keys are known; the first calls of others would keep a new one waiting.
  yield* Effect.promise(() => run(tokens.count))
  const seen: Array<string> = []
  const rates: Rates<"under assault" | "in peace"> = yield* Effect.promise(() =>
    measure(
      {
        "under assault": {
          before: async () => {
            tokens.renew()
            assault.start()
            await Effect.runPromise(Effect.sleep("100 millis"))
          },
          run,
          after: async () => {
            await assault.stop()
            seen.push(Array.from(assault.outcomes, ([outcome, count]) => `${count} ${outcome}`).join(", "))
          },
        },
        "in peace": { before: tokens.renew, run },
      },
      { milliseconds },
    ),
  )
  return { rates, note: `Argon2id${isSeparate ? " on the other core" : ""}; a round's calls of others ended as: ${seen.at(-1)}` }
})

const assault = (run: (outcomes: Map<string, number>) => Effect.Effect<unknown>): Assault => {
  const outcomes = new Map<string, number>()
  let fiber: Fiber.Fiber<unknown> | undefined
  return {
    outcomes,
    start: () => {
      outcomes.clear()
      fiber = Effect.runFork(run(outcomes))
    },
    // What is being hashed runs out meanwhile, so that it isn't there in peace.
    stop: () =>
      fiber === undefined ? Promise.resolve() : Effect.runPromise(Effect.andThen(Fiber.interrupt(fiber), Effect.sleep("300 millis"))),
  }
}

const counted = (call: Effect.Effect<unknown, { readonly _tag: string }>, outcomes: Map<string, number>): Effect.Effect<void> => {
  const count = (outcome: string) => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  return Effect.match(call, { onFailure: ({ _tag }) => count(_tag), onSuccess: () => count("success") })
}
