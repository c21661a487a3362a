export declare const Key: typeof ApiKey

export declare const Created: Schema.Struct<{
  readonly apiKey: typeof ApiKey
  readonly token: Schema.String
}>

export declare const Page: Schema.Struct<{
  readonly items: Schema.$Array<typeof ApiKey>
  readonly total: Schema.NullOr<Schema.Int>
  readonly nextCursor: Schema.NullOr<Schema.String>
}>

export declare const Count: Schema.Struct<{
  readonly count: Schema.Int
}>

export declare const Deleted: Schema.Struct<{
  readonly deleted: Schema.brand<Schema.String, "ApiKeyId">
}>

export declare const Refused: Schema.Struct<{
  readonly valid: Schema.Literal<false>
  readonly error: Schema.Union<
    readonly [
      typeof ApiKeyError.MalformedToken,
      typeof ApiKeyError.NotFound,
      typeof ApiKeyError.InvalidSecret,
      typeof ApiKeyError.Inactive,
      typeof ApiKeyError.Expired,
      typeof ApiKeyError.InsufficientScope,
      typeof ApiKeyError.IpNotAllowed,
      typeof ApiKeyError.PolicyRefused,
      typeof ApiKeyError.RateLimited,
      typeof ApiKeyError.QuotaExceeded,
    ]
  >
}>

export declare const Verified: Schema.Union<
  readonly [
    Schema.Struct<{
      readonly valid: Schema.Literal<true>
      readonly apiKey: typeof ApiKey
      readonly usedToken: Schema.Literals<readonly ["current", "previous"]>
      readonly checkedAt: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
    }>,
    Schema.Struct<{
      readonly valid: Schema.Literal<false>
      readonly error: Schema.Union<
        readonly [
          typeof ApiKeyError.MalformedToken,
          typeof ApiKeyError.NotFound,
          typeof ApiKeyError.InvalidSecret,
          typeof ApiKeyError.Inactive,
          typeof ApiKeyError.Expired,
          typeof ApiKeyError.InsufficientScope,
          typeof ApiKeyError.IpNotAllowed,
          typeof ApiKeyError.PolicyRefused,
          typeof ApiKeyError.RateLimited,
          typeof ApiKeyError.QuotaExceeded,
        ]
      >
    }>,
  ]
>

export declare const Revoked: Schema.Union<
  readonly [
    Schema.Struct<{
      readonly valid: Schema.Literal<true>
      readonly apiKey: typeof ApiKey
      readonly usedToken: Schema.Literals<readonly ["current", "previous"]>
      readonly isEnded: Schema.Boolean
    }>,
    Schema.Struct<{
      readonly valid: Schema.Literal<false>
      readonly error: Schema.Union<
        readonly [
          typeof ApiKeyError.MalformedToken,
          typeof ApiKeyError.NotFound,
          typeof ApiKeyError.InvalidSecret,
          typeof ApiKeyError.Inactive,
          typeof ApiKeyError.Expired,
          typeof ApiKeyError.InsufficientScope,
          typeof ApiKeyError.IpNotAllowed,
          typeof ApiKeyError.PolicyRefused,
          typeof ApiKeyError.RateLimited,
          typeof ApiKeyError.QuotaExceeded,
        ]
      >
    }>,
  ]
>

export declare const Upcoming: Schema.Struct<{
  readonly apiKey: typeof ApiKey
  readonly reason: Schema.Literals<readonly ["expires", "comesOfAge", "idle"]>
  readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
}>

export declare const QuotaState: Schema.Struct<{
  readonly name: Schema.String
  readonly limit: Schema.Int
  readonly windowSeconds: Schema.NullOr<Schema.Int>
  readonly remaining: Schema.Int
  readonly resetAfterMillis: Schema.NullOr<Schema.Finite>
}>

export declare const ChangedQuota: Schema.Struct<{
  readonly units: Schema.Int
  readonly remaining: Schema.Int
  readonly isRepeated: Schema.Boolean
}>

export declare const Generated: Schema.Struct<{
  readonly token: Schema.String
  readonly prefix: Schema.String
  readonly keyId: Schema.String
}>

export declare const HashUsage: Schema.Struct<{
  readonly algorithm: Schema.String
  readonly parameters: Schema.String
  readonly pepper: Schema.NullOr<Schema.String>
  readonly count: Schema.Int
  readonly isCurrent: Schema.Boolean
}>

export declare const SealUsage: Schema.Struct<{
  readonly sealId: Schema.NullOr<Schema.String>
  readonly count: Schema.Int
  readonly isConfigured: Schema.Boolean
  readonly isCurrent: Schema.Boolean
}>

export declare const ImportEvent: Schema.Union<
  readonly [
    Schema.Struct<{
      readonly _tag: Schema.Literal<"Refused">
      readonly row: Schema.Int
      readonly field: Schema.String
      readonly reason: Schema.String
    }>,
    Schema.Struct<{
      readonly _tag: Schema.Literal<"Progress">
      readonly read: Schema.Int
      readonly inserted: Schema.Int
      readonly present: Schema.Int
      readonly refused: Schema.Int
    }>,
  ]
>

export declare const Exported: Schema.Struct<{
  readonly exported: Schema.Int
  readonly file: Schema.String
}>

export declare const Migrated: Schema.Struct<{
  readonly migrations: Schema.$Array<
    Schema.Struct<{
      readonly id: Schema.Int
      readonly name: Schema.String
    }>
  >
  readonly repaired: Schema.$Array<Schema.String>
}>

export declare const Finding: Schema.Struct<{
  readonly check: Schema.Literals<
    readonly [
      "configuration",
      "peppers",
      "database",
      "migrations",
      "hashes",
      "clock",
      "indexes",
      "invalidation",
      "leaks",
      "limits",
      "policies",
      "seals",
    ]
  >
  readonly level: Schema.Literals<readonly ["ok", "warning", "error"]>
  readonly message: Schema.String
  readonly advice: Schema.NullOr<Schema.String>
}>

export declare const Find: Schema.Struct<{
  readonly key: Schema.String
  readonly prefix: Schema.String
  readonly keyId: Schema.String
  readonly hint: Schema.String
  readonly path: Schema.String
  readonly line: Schema.Int
  readonly column: Schema.Int
  readonly byteOffset: Schema.Natural
  readonly encoding: Schema.Literals<readonly ["utf-8", "utf-16le", "utf-16be"]>
  readonly commit: Schema.optionalKey<Schema.String>
  readonly status: Schema.optionalKey<Schema.Literals<readonly ["works", "ended", "inactive", "expired", "unknown"]>>
  readonly apiKey: Schema.optionalKey<Schema.NullOr<typeof ApiKey>>
}>

export declare const encodeFound: (
  input: {
    readonly status: string
    readonly apiKey: ApiKey | null
  },
  options?: import("effect/SchemaAST").ParseOptions,
) => {
  readonly status: string
  readonly apiKey: {
    readonly id: string
    readonly keyId: string
    readonly prefix: string
    readonly name: string
    readonly description: string | null
    readonly ownerId: string | null
    readonly scopes: readonly string[]
    readonly metadata: Schema.JsonObject
    readonly policies: Schema.JsonObject | null
    readonly isActive: boolean
    readonly deactivatedAt: string | null
    readonly deactivationReason: "leaked" | "manual" | "possession" | null
    readonly expiresAt: string | null
    readonly createdAt: string
    readonly updatedAt: string
    readonly lastUsedAt: string | null
    readonly hint: string
    readonly version: number
    readonly rotatedAt: string | null
    readonly previous: {
      readonly keyId: string
      readonly hint: string
      readonly expiresAt: string | null
      readonly graceSeconds: number | null
      readonly lastUsedAt: string | null
    } | null
  } | null
}

export declare const FirstKey: Schema.Struct<{
  readonly apiKey: typeof ApiKey
  readonly token: Schema.String
  readonly url: Schema.String
}>

export declare const Problem: Schema.Struct<{
  readonly problem: Schema.Struct<{
    readonly _tag: Schema.String
    readonly message: Schema.String
  }>
}>

export declare const Log: Schema.Struct<{
  readonly log: Schema.Struct<{
    readonly level: Schema.String
    readonly message: Schema.String
  }>
}>

export declare const Failure: Schema.Struct<{
  readonly error: Schema.Struct<{
    readonly _tag: Schema.String
    readonly message: Schema.String
  }>
}>
