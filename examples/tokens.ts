// Tokens, scopes and records without the service, as a gateway, a form or a scanner of your own needs them. No database, no secrets kept.
// Run it with `npm run build && npx node examples/tokens.ts`.
import { Console, DateTime, Effect, Redacted, Result, Schema } from "effect"
import { ApiKey, ApiKeyError, ApiKeyToken, Scope } from "effect-api-key"

// A format of your own: `shop_live.7a74caa323a5410d.…`.
const shop = Result.getOrThrow(ApiKeyToken.make({ prefix: "shop_live", separator: "." }))
const parts: ApiKeyToken.TokenParts = {
  prefix: shop.prefix,
  keyId: ApiKey.KeyId.make("7a74caa323a5410d"),
  secret: Redacted.make("x".repeat(58)),
}

const tokens = Effect.gen(function* () {
  // The checksum ends the token, so that garbage is refused without a look-up.
  const body = `${parts.prefix}.${parts.keyId}.${Redacted.value(parts.secret)}`
  const token = body + ApiKeyToken.checksum(body)
  yield* Console.log(ApiKeyToken.checksum(body)) // => 1psvie

  const parsed = yield* Effect.fromResult(ApiKeyToken.parse(token, shop))
  yield* Console.log(parsed.keyId, parsed.secret) // => 7a74caa323a5410d <redacted:secret>
  const refused = ApiKeyToken.parse(`${token.slice(0, -1)}!`, shop)
  yield* Console.log(Result.isFailure(refused) && refused.failure.reason) // => format

  // In a schema, of a message say.
  const Message = Schema.Struct({ token: ApiKeyToken.schema(shop), task: Schema.String })
  const message = yield* Schema.decodeUnknownEffect(Message)({ token, task: "sweep" })
  yield* Console.log(message.token.prefix, message.task) // => shop_live sweep

  // What looks like a token in a text; `parse` then tells whether it is one.
  const pattern = Result.getOrThrow(ApiKeyToken.regex({ prefix: "shop_live", separator: "." }))
  const found = `curl -H 'Authorization: Bearer ${token}'`.match(pattern) ?? []
  yield* Console.log(found.filter((text) => Result.isSuccess(ApiKeyToken.parse(text, shop))).length) // => 1
})

const scopes = Effect.gen(function* () {
  const granted = Scope.set("invoices:*", "reports:read")
  yield* Console.log(Scope.satisfies(granted, ["invoices:read", "reports:read"])) // => true
  yield* Console.log(Scope.satisfies(granted, ["reports:write"])) // => false
  yield* Console.log(Scope.satisfies([], ["reports:read"]), Scope.satisfies([], [])) // => false true
})

const records = Effect.gen(function* () {
  const createdAt = DateTime.makeUnsafe("2027-01-01T00:00:00Z")
  const expiresAt = DateTime.add(createdAt, { days: 30 })
  // Expiry is exclusive.
  yield* Console.log(ApiKey.status({ isActive: true, expiresAt }, DateTime.subtract(expiresAt, { milliseconds: 1 }))) // => active
  yield* Console.log(ApiKey.status({ isActive: true, expiresAt }, expiresAt)) // => expired
  yield* Console.log(ApiKey.status({ isActive: false, expiresAt }, expiresAt)) // => inactive

  // The age of a token counts from the last rotation.
  const rotatedAt = DateTime.add(createdAt, { days: 7 })
  yield* Console.log(DateTime.formatIso(ApiKey.tokenCreatedAt({ createdAt, rotatedAt }))) // => 2027-01-08T00:00:00.000Z
  // While a grace runs, the key id of the previous token leads to the record too.
  const previous = new ApiKey.PreviousToken({
    keyId: ApiKey.KeyId.make("00c0ffee00c0ffee"),
    hint: "mAfP",
    expiresAt: rotatedAt,
    graceSeconds: null,
    lastUsedAt: null,
  })
  yield* Console.log(ApiKey.keyIdsOf({ keyId: parts.keyId, previous }).join()) // => 7a74caa323a5410d,00c0ffee00c0ffee

  // Instants that aren't text, of a driver say, in the range that stores keep: 1970 to 9999.
  const Expiry = Schema.DateTimeUtcFromDate.check(ApiKey.isInRange())
  yield* Console.log(Schema.is(Expiry)(expiresAt), Schema.is(Expiry)(DateTime.makeUnsafe(-1))) // => true false
})

// What `verify` fails with is either a refusal of the key or a failure of the service: one guard tells.
const errors = Effect.gen(function* () {
  const failures = [new ApiKeyError.MalformedToken({ reason: "checksum" }), new ApiKeyError.HasherError({ reason: "Failed" })]
  yield* Console.log(failures.map(ApiKeyError.isRefusal).join()) // => true,false
})

await Effect.runPromise(Effect.all([tokens, scopes, records, errors]))
