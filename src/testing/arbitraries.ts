/** Values of the domain for property tests. */
import * as Arbitrary from "effect/Arbitrary"
import * as DateTime from "effect/DateTime"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { ApiKey, ApiKeyId, Description, KeyId, Metadata, Name, OwnerId, PreviousToken, StoredApiKey } from "../ApiKey.ts"
import { type Scope, set } from "../Scope.ts"

const hex = (length: number): Arbitrary.Arbitrary<string> =>
  Arbitrary.schema(Schema.String.check(Schema.isPattern(new RegExp(`^[0-9a-f]{${length}}$`))))

/** @category arbitraries @since 0.1.0 */
export const apiKeyId: Arbitrary.Arbitrary<ApiKeyId> = Arbitrary.map(hex(30), (digits) =>
  ApiKeyId.make(`${digits.slice(0, 8)}-${digits.slice(8, 12)}-7${digits.slice(12, 15)}-a${digits.slice(15, 18)}-${digits.slice(18, 30)}`),
)

/** @category arbitraries @since 0.1.0 */
export const keyId: Arbitrary.Arbitrary<KeyId> = Arbitrary.map(hex(16), (digits) => KeyId.make(digits))

/** @category arbitraries @since 0.1.0 */
export const scopes: Arbitrary.Arbitrary<ReadonlyArray<Scope>> = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Literals(["*", "a", "invoices:*", "invoices:read", "invoices:write", "x.y-z_0:1"])), {
    maxLength: 6,
  }),
  (some) => set(...some),
)

/** @category arbitraries @since 0.1.0 */
export const instant: Arbitrary.Arbitrary<DateTime.Utc> = Arbitrary.map(
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 253_402_300_799_999 }))),
  (millis) => DateTime.makeUnsafe(millis),
)

const nullable = <A>(arbitrary: Arbitrary.Arbitrary<A>): Arbitrary.Arbitrary<A | null> =>
  Arbitrary.flatMap(Arbitrary.schema(Schema.Boolean), (isNull) => Arbitrary.map(arbitrary, (value) => (isNull ? null : value)))

const fieldsOf = Arbitrary.schema(
  Schema.Struct({
    prefix: Schema.Literals(["ak", "sk_live", ""]),
    name: Schema.toType(Name),
    description: Schema.NullOr(Description),
    ownerId: Schema.NullOr(OwnerId),
    metadata: Schema.toType(Metadata),
    isActive: Schema.Boolean,
    hint: Schema.Literals(["abcd", "0000"]),
    version: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 })),
    hash: Schema.String.check(Schema.isPattern(/^[!-~]{1,60}$/)),
  }),
)

/** What is left of a token that was replaced, and its hash. */
const previousOf: Arbitrary.Arbitrary<{ readonly previous: PreviousToken; readonly previousHash: Redacted.Redacted }> = Arbitrary.flatMap(
  keyId,
  (key) =>
    Arbitrary.flatMap(nullable(instant), (expiresAt) =>
      Arbitrary.map(nullable(instant), (lastUsedAt) => ({
        previous: new PreviousToken({ keyId: key, hint: "wxyz", expiresAt, graceSeconds: expiresAt === null ? 3_600 : null, lastUsedAt }),
        previousHash: Redacted.make(`previous$${key}`),
      })),
    ),
)

const neverRotated = Arbitrary.flatMap(fieldsOf, ({ hash, ...fields }) =>
  Arbitrary.flatMap(apiKeyId, (id) =>
    Arbitrary.flatMap(keyId, (key) =>
      Arbitrary.flatMap(scopes, (granted) =>
        Arbitrary.flatMap(nullable(instant), (expiresAt) =>
          Arbitrary.flatMap(nullable(instant), (lastUsedAt) =>
            Arbitrary.map(instant, (createdAt) => ({
              apiKey: new ApiKey({
                ...fields,
                id,
                keyId: key,
                scopes: granted,
                expiresAt,
                lastUsedAt,
                createdAt,
                updatedAt: createdAt,
                deactivatedAt: fields.isActive ? null : createdAt,
                deactivationReason: fields.isActive ? null : ("leaked" as const),
                rotatedAt: null,
                previous: null,
              }),
              hash: Redacted.make(hash),
            })),
          ),
        ),
      ),
    ),
  ),
)

/** @category arbitraries @since 0.1.0 */
export const storedApiKey: Arbitrary.Arbitrary<StoredApiKey> = Arbitrary.flatMap(nullable(previousOf), (former) =>
  Arbitrary.map(neverRotated, ({ apiKey, hash }) =>
    former === null
      ? new StoredApiKey({ apiKey, hash, previousHash: null })
      : new StoredApiKey({
          apiKey: new ApiKey({ ...apiKey, rotatedAt: apiKey.createdAt, previous: former.previous }),
          hash,
          previousHash: former.previousHash,
        }),
  ),
)
