/** Values of the domain for property tests. */
import * as Arbitrary from "effect/Arbitrary"
import * as DateTime from "effect/DateTime"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import {
  ApiKey,
  ApiKeyId,
  DeactivationReason,
  Description,
  KeyId,
  maxGraceSeconds,
  Metadata,
  Name,
  OwnerId,
  PreviousToken,
  StoredApiKey,
} from "../../ApiKey.ts"
import { latestMillis } from "../time/instants.ts"
import { type Scope, set } from "../../Scope.ts"

const hex = (length: number): Arbitrary.Arbitrary<string> =>
  Arbitrary.schema(Schema.String.check(Schema.isPattern(new RegExp(`^[0-9a-f]{${length}}$`))))

/** @category arbitraries @since 0.1.0 */
export const apiKeyId: Arbitrary.Arbitrary<ApiKeyId> = Arbitrary.map(hex(30), (digits) =>
  ApiKeyId.make(`${digits.slice(0, 8)}-${digits.slice(8, 12)}-7${digits.slice(12, 15)}-a${digits.slice(15, 18)}-${digits.slice(18, 30)}`),
)

/** Key ids of this package's format, and of other systems'. @category arbitraries @since 0.1.0 */
export const keyId: Arbitrary.Arbitrary<KeyId> = Arbitrary.flatMap(hex(16), (digits) =>
  Arbitrary.map(Arbitrary.schema(Schema.Literals(["", "", "", "legacy-", "shop_", '"\\,{}$'])), (start) => KeyId.make(`${start}${digits}`)),
)

/** @category arbitraries @since 0.1.0 */
export const scopes: Arbitrary.Arbitrary<ReadonlyArray<Scope>> = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Literals(["*", "a", "null", "invoices:*", "invoices:read", "invoices:write", "x.y-z_0:1"])), {
    maxLength: 6,
  }),
  (some) => set(...some),
)

/** @category arbitraries @since 0.1.0 */
export const instant: Arbitrary.Arbitrary<DateTime.Utc> = Arbitrary.map(
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: latestMillis }))),
  (millis) => DateTime.makeUnsafe(millis),
)

const nullable = <A>(arbitrary: Arbitrary.Arbitrary<A>): Arbitrary.Arbitrary<A | null> =>
  Arbitrary.flatMap(Arbitrary.schema(Schema.Boolean), (isNull) => Arbitrary.map(arbitrary, (value) => (isNull ? null : value)))

const text = Arbitrary.schema(
  Schema.Literals([
    "",
    "abcd",
    "0000",
    " ",
    "null",
    "NULL",
    '"',
    "\\",
    "\\N",
    "{a,b}",
    "a,b",
    "é🔑",
    "\n\r\t",
    "'; --",
    "$1",
    "2026-01-01T00:00:00.000Z",
  ]),
)

// JSON has no negative zero, so the metadata has none.
const flatMetadata = Arbitrary.map(Arbitrary.schema(Schema.toType(Metadata)), (flat): Schema.JsonObject =>
  Object.fromEntries(Object.entries(flat).map(([key, value]) => [key, Object.is(value, -0) ? 0 : value])),
)

// `JSON.parse` of Node 24 (V8 13.6) confuses keys that end with a backslash with keys that have a quote there. So no key ends with one.
const metadataKey = Arbitrary.map(text, (key) => (key.endsWith("\\") ? `${key}.` : key))

/** Objects with every kind of JSON, also nested. */
const metadata: Arbitrary.Arbitrary<Schema.JsonObject> = Arbitrary.flatMap(flatMetadata, (flat) =>
  Arbitrary.flatMap(metadataKey, (key) =>
    Arbitrary.flatMap(metadataKey, (value) =>
      Arbitrary.map(Arbitrary.schema(Schema.Literals(["none", "text", "nested", "array"])), (kind): Schema.JsonObject => {
        if (kind === "none") return flat
        if (kind === "text") return { ...flat, [key]: value }
        return { ...flat, [key]: kind === "nested" ? { [value]: flat, a: { "": [] } } : [value, 1.5e300, -0.5, false, null, [flat, {}]] }
      }),
    ),
  ),
)

/** Kinds of policies and their values. */
const policies: Arbitrary.Arbitrary<Schema.JsonObject | null> = Arbitrary.flatMap(
  Arbitrary.schema(Schema.Literals(["none", "none", "quota", "hours2", "networks"])),
  (kind) => Arbitrary.map(metadata, (value) => (kind === "none" ? null : { [kind]: value, z: [kind, 0.5, null] })),
)

const fieldsOf = Arbitrary.schema(
  Schema.Struct({
    prefix: Schema.Literals(["ak", "sk_live", "", '"\\']),
    name: Schema.toType(Name),
    description: Schema.NullOr(Description),
    ownerId: Schema.NullOr(OwnerId),
    isActive: Schema.Boolean,
    deactivationReason: Schema.NullOr(DeactivationReason),
    version: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 })),
    hash: Schema.String.check(Schema.isPattern(/^[!-~]{1,60}$/)),
  }),
)

/** The fields that a record keeps of its previous token. */
const previousOf: Arbitrary.Arbitrary<{
  readonly previous: PreviousToken
  readonly previousHash: Redacted.Redacted
  readonly previousSealId: string | null
}> = Arbitrary.flatMap(keyId, (key) =>
  Arbitrary.flatMap(text, (hint) =>
    Arbitrary.flatMap(nullable(instant), (expiresAt) =>
      Arbitrary.flatMap(nullable(instant), (lastUsedAt) =>
        Arbitrary.map(nullable(graceSeconds), (grace) => ({
          // A previous token without an end and without a grace would never end, so its schema refuses it.
          previous: new PreviousToken({
            keyId: key,
            hint,
            expiresAt,
            graceSeconds: expiresAt === null ? (grace ?? 0) : grace,
            lastUsedAt,
          }),
          previousHash: Redacted.make(`previous$${key}`),
          previousSealId: grace === null ? null : `~former.${key}`,
        })),
      ),
    ),
  ),
)

const graceSeconds = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: maxGraceSeconds })))

const instants = Arbitrary.flatMap(instant, (createdAt) =>
  Arbitrary.flatMap(instant, (updatedAt) =>
    Arbitrary.flatMap(nullable(instant), (expiresAt) =>
      Arbitrary.flatMap(nullable(instant), (lastUsedAt) =>
        Arbitrary.map(nullable(instant), (deactivatedAt) => ({ createdAt, updatedAt, expiresAt, lastUsedAt, deactivatedAt })),
      ),
    ),
  ),
)

const neverRotated = Arbitrary.flatMap(fieldsOf, ({ hash, deactivationReason, ...fields }) =>
  Arbitrary.flatMap(apiKeyId, (id) =>
    Arbitrary.flatMap(keyId, (key) =>
      Arbitrary.flatMap(scopes, (granted) =>
        Arbitrary.flatMap(Arbitrary.all({ metadata, policies }), (json) =>
          Arbitrary.flatMap(text, (hint) =>
            Arbitrary.map(instants, ({ deactivatedAt, ...at }) => ({
              apiKey: new ApiKey({
                ...fields,
                ...at,
                id,
                keyId: key,
                scopes: granted,
                ...json,
                hint,
                deactivatedAt: fields.isActive ? null : deactivatedAt,
                deactivationReason: fields.isActive ? null : deactivationReason,
                rotatedAt: null,
                previous: null,
              }),
              hash: Redacted.make(hash),
              sealId: fields.description === null ? null : `~.${key}`,
            })),
          ),
        ),
      ),
    ),
  ),
)

/** @category arbitraries @since 0.1.0 */
export const storedApiKey: Arbitrary.Arbitrary<StoredApiKey> = Arbitrary.flatMap(nullable(previousOf), (former) =>
  Arbitrary.flatMap(nullable(instant), (rotatedAt) =>
    Arbitrary.map(neverRotated, ({ apiKey, hash, sealId }) =>
      former === null
        ? new StoredApiKey({ apiKey: new ApiKey({ ...apiKey, rotatedAt }), hash, previousHash: null, sealId })
        : new StoredApiKey({
            apiKey: new ApiKey({ ...apiKey, rotatedAt: rotatedAt ?? apiKey.createdAt, previous: former.previous }),
            hash,
            previousHash: former.previousHash,
            sealId,
            previousSealId: former.previousSealId,
          }),
    ),
  ),
)
