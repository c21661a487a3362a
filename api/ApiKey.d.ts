import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import { ScopeSet } from "./Scope.ts"
export declare const ApiKeyId: Schema.brand<Schema.String, "ApiKeyId">
export type ApiKeyId = typeof ApiKeyId.Type
export declare const KeyId: Schema.brand<Schema.String, "KeyId">
export type KeyId = typeof KeyId.Type
export declare const Name: Schema.Codec<string>
export declare const Description: Schema.Codec<string>
export declare const OwnerId: Schema.Codec<string>
export declare const metadataLimits: {
  readonly bytes: 8192
  readonly depth: 32
}
export declare const Metadata: Schema.Codec<Schema.JsonObject>
export declare const Policies: Schema.Codec<Schema.JsonObject>
export declare const Instant: Schema.Codec<DateTime.Utc, string>
export type InstantInput = DateTime.Utc | Date | string
export declare function isInRange(): import("effect/SchemaAST").Filter<DateTime.Utc>
export declare const DeactivationReason: Schema.Literals<readonly ["manual", "leaked", "possession"]>
export type DeactivationReason = typeof DeactivationReason.Type
export declare const maxGraceSeconds = 7776000
declare const PreviousToken_base: Schema.Class<
  PreviousToken,
  Schema.Struct<{
    readonly keyId: Schema.brand<Schema.String, "KeyId">
    readonly hint: Schema.String
    readonly expiresAt: Schema.NullOr<Schema.Codec<DateTime.Utc, string, never, never>>
    readonly graceSeconds: Schema.NullOr<Schema.Int>
    readonly lastUsedAt: Schema.NullOr<Schema.Codec<DateTime.Utc, string, never, never>>
  }>,
  {}
>
export declare class PreviousToken extends PreviousToken_base {}
declare const ApiKey_base: Schema.Class<
  ApiKey,
  Schema.Struct<{
    readonly id: Schema.brand<Schema.String, "ApiKeyId">
    readonly keyId: Schema.brand<Schema.String, "KeyId">
    readonly prefix: Schema.String
    readonly name: Schema.Codec<string, string, never, never>
    readonly description: Schema.NullOr<Schema.Codec<string, string, never, never>>
    readonly ownerId: Schema.NullOr<Schema.Codec<string, string, never, never>>
    readonly scopes: ScopeSet
    readonly metadata: Schema.Codec<Schema.JsonObject, Schema.JsonObject, never, never>
    readonly policies: Schema.NullOr<Schema.Codec<Schema.JsonObject, Schema.JsonObject, never, never>>
    readonly isActive: Schema.Boolean
    readonly deactivatedAt: Schema.NullOr<Schema.Codec<DateTime.Utc, string, never, never>>
    readonly deactivationReason: Schema.NullOr<Schema.Literals<readonly ["manual", "leaked", "possession"]>>
    readonly expiresAt: Schema.NullOr<Schema.Codec<DateTime.Utc, string, never, never>>
    readonly createdAt: Schema.Codec<DateTime.Utc, string, never, never>
    readonly updatedAt: Schema.Codec<DateTime.Utc, string, never, never>
    readonly lastUsedAt: Schema.NullOr<Schema.Codec<DateTime.Utc, string, never, never>>
    readonly hint: Schema.String
    readonly version: Schema.Int
    readonly rotatedAt: Schema.NullOr<Schema.Codec<DateTime.Utc, string, never, never>>
    readonly previous: Schema.NullOr<typeof PreviousToken>
  }>,
  {}
>
export declare class ApiKey extends ApiKey_base {}
export type UsedToken = "current" | "previous"
export declare const tokenCreatedAt: ({ rotatedAt, createdAt }: Pick<ApiKey, "rotatedAt" | "createdAt">) => DateTime.Utc
export declare const keyIdsOf: ({ keyId, previous }: Pick<ApiKey, "keyId" | "previous">) => ReadonlyArray<KeyId>
declare const StoredApiKey_base: Schema.Class<
  StoredApiKey,
  Schema.Struct<{
    readonly apiKey: typeof ApiKey
    readonly hash: Schema.Redacted<Schema.String>
    readonly previousHash: Schema.NullOr<Schema.Redacted<Schema.String>>
    readonly sealId: Schema.withConstructorDefault<Schema.NullOr<Schema.String>>
    readonly previousSealId: Schema.withConstructorDefault<Schema.NullOr<Schema.String>>
  }>,
  {}
>
export declare class StoredApiKey extends StoredApiKey_base {}
export type Status = "active" | "inactive" | "expired"
export declare const status: (key: Pick<ApiKey, "isActive" | "expiresAt">, now: DateTime.Utc | number) => Status
export {}
