// A policy of your own: keys that work in business hours, in the time zone of their owner.
// Run it with `npm run build && npx node examples/policies.ts`.
import { Console, DateTime, Effect, Layer, Schema } from "effect"
import { ApiKeyError, ApiKeyRepository, ApiKeys, KeyPolicy } from "effect-api-key"
import { layerEphemeral } from "effect-api-key/ApiKeyHasher"
import { TestClock } from "effect/testing"

const Hour = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 24 }))

const businessHours = KeyPolicy.make({
  kind: "businessHours",
  // The value as the record has it, and as `compile` gets it: `{ timeZone: "Europe/Berlin", from: 8, until: 18, days: [1, 2, 3, 4, 5] }`.
  schema: Schema.Struct({
    timeZone: Schema.TimeZoneNamedFromString,
    from: Hour,
    until: Hour,
    /** Of the week, from Sunday (0) to Saturday (6). */
    days: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 6 }))),
  }),
  // Once for all keys with the same value, when the first of them is looked up.
  compile: ({ timeZone, from, until, days }) => {
    const isOpenAt = (now: number): boolean => {
      const { hour, weekDay } = DateTime.toParts(DateTime.setZone(DateTime.makeUnsafe(now), timeZone))
      return days.includes(weekDay) && hour >= from && hour < until
    }
    // The rule runs at each verification, so it looks into the calendar once in a quarter of an hour, on which all zones change.
    let quarter = -1
    let isOpen = false
    return {
      rule: ({ apiKey }, _use, now) => {
        const current = Math.floor(now / 900_000)
        if (current !== quarter) {
          quarter = current
          isOpen = isOpenAt(now)
        }
        if (isOpen) return undefined
        return new ApiKeyError.PolicyRefused({
          keyId: apiKey.keyId,
          kind: "businessHours",
          reason: `works from ${from} to ${until} o'clock`,
        })
      },
    }
  },
})

const inBerlin = { timeZone: "Europe/Berlin", from: 8, until: 18, days: [1, 2, 3, 4, 5] }

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys.ApiKeys
  const { apiKey, token } = yield* apiKeys.create({ name: "till", policies: { businessHours: inBerlin } })

  // The test's clock stands for the days that pass.
  const verifyAt = Effect.fnUntraced(function* (instant: string) {
    yield* TestClock.setTime(Date.parse(instant))
    const outcome = yield* Effect.match(apiKeys.verify(token), {
      onSuccess: () => "good",
      onFailure: (error) => (error._tag === "PolicyRefused" ? `${error.kind}: ${error.reason}` : error._tag),
    })
    yield* Console.log(outcome)
  })
  yield* verifyAt("2026-11-30T07:30:00Z") // => good
  yield* verifyAt("2026-11-30T17:30:00Z") // => businessHours: works from 8 to 18 o'clock
  yield* verifyAt("2026-12-05T09:00:00Z") // => businessHours: works from 8 to 18 o'clock
  yield* verifyAt("2027-07-01T06:30:00Z") // => good

  // A value that isn't one of its kind is refused, by the part that is wrong.
  const wrong = yield* Effect.flip(apiKeys.update(apiKey.id, { policies: { businessHours: { ...inBerlin, until: 25 } } }))
  yield* Console.log(wrong._tag === "InvalidInput" && wrong.field) // => policies.businessHours.until
})

// Another node on the same keys, which doesn't know the kind yet: it refuses the key, rather than to let it through at any hour.
const secondNode = Effect.gen(function* () {
  const { token } = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "till", policies: { businessHours: inBerlin } }))
  const laggard = yield* ApiKeys.make({})
  yield* Console.log(ApiKeyError.isUnknownPolicy(yield* Effect.flip(laggard.verify(token)))) // => true
})

const node = ApiKeys.layerWith({ policies: [businessHours] }).pipe(
  Layer.provideMerge(Layer.merge(layerEphemeral, ApiKeyRepository.layerMemory)),
)
await Effect.runPromise(Effect.provide(program, Layer.merge(Layer.fresh(node), TestClock.layer())))
await Effect.runPromise(Effect.scoped(Effect.provide(secondNode, Layer.fresh(node))))
