// Several key spaces in one program, by `ApiKeys.make`: customers' keys and partners' keys, each with its prefix, store and rules.
// Run it with `npm run build && npx node examples/key-spaces.ts`.
import { Console, Context, Effect, Layer } from "effect"
import { ApiKeyRepository, ApiKeys } from "effect-api-key"
import * as Hmac from "effect-api-key/hasher/Hmac"

// A service of its own for each, so that neither can be taken for the other.
class CustomerKeys extends Context.Service<CustomerKeys, ApiKeys.ApiKeys["Service"]>()("shop/CustomerKeys") {}
class PartnerKeys extends Context.Service<PartnerKeys, ApiKeys.ApiKeys["Service"]>()("shop/PartnerKeys") {}

// In a database each space has a table: `SqlRepository.layerWith({ table: "partner_keys" })`, as in stores.ts.
const customers = Layer.effect(CustomerKeys, ApiKeys.make({ token: { prefix: "shop" }, maximumLifetime: "365 days" })).pipe(
  Layer.provide(Layer.fresh(ApiKeyRepository.layerMemory)),
)
const partners = Layer.effect(PartnerKeys, ApiKeys.make({ token: { prefix: "partner" }, cache: { timeToLive: "5 seconds" } })).pipe(
  Layer.provide(Layer.fresh(ApiKeyRepository.layerMemory)),
)
// One hasher for both.
const live = Layer.merge(customers, partners).pipe(Layer.provide(Hmac.layerConfig))

const program = Effect.gen(function* () {
  const customerKeys = yield* CustomerKeys
  const partnerKeys = yield* PartnerKeys
  const customer = yield* customerKeys.create({ name: "Ada" })
  const partner = yield* partnerKeys.create({ name: "Acme", expiresAt: null })
  yield* Console.log(customer.apiKey.prefix, customer.apiKey.expiresAt !== null) // => shop true
  yield* Console.log(partner.apiKey.prefix, partner.apiKey.expiresAt) // => partner null

  // A token of one space is none of the other's.
  yield* Console.log((yield* Effect.flip(partnerKeys.verify(customer.token)))._tag) // => MalformedToken
  // An endpoint for both tells them apart by their form, without a look-up.
  const verify = (token: typeof customer.token) => (partnerKeys.isToken(token) ? partnerKeys : customerKeys).verify(token)
  for (const { token } of [customer, partner]) yield* Console.log((yield* verify(token)).apiKey.name)
  // => Ada
  // => Acme
})

await Effect.runPromise(Effect.provide(program, live))
