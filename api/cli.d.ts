import * as Command from "effect/cli/Command"
export { CliFailure, exitCodes } from "./internal/cli/CliFailure.ts"
export { activate } from "./internal/cli/commands/activate.ts"
export { count } from "./internal/cli/commands/count.ts"
export { create } from "./internal/cli/commands/create.ts"
export { deactivate } from "./internal/cli/commands/deactivate.ts"
export { remove } from "./internal/cli/commands/delete.ts"
export { endGrace } from "./internal/cli/commands/endGrace.ts"
export { exportKeys } from "./internal/cli/commands/export.ts"
export { generate } from "./internal/cli/commands/generate.ts"
export { get } from "./internal/cli/commands/get.ts"
export { hashReport } from "./internal/cli/commands/hashReport.ts"
export { importKeys } from "./internal/cli/commands/import.ts"
export { list } from "./internal/cli/commands/list.ts"
export { revoke } from "./internal/cli/commands/revoke.ts"
export { rotate } from "./internal/cli/commands/rotate.ts"
export { scan } from "./internal/cli/commands/scan.ts"
export { search } from "./internal/cli/commands/search.ts"
export { upcoming } from "./internal/cli/commands/upcoming.ts"
export { update } from "./internal/cli/commands/update.ts"
export { verify } from "./internal/cli/commands/verify.ts"
export * as Json from "./internal/cli/Json.ts"
export { TokenFormat } from "./internal/cli/settings.ts"
export declare const globalFlags: readonly [
  import("effect/cli/GlobalFlag").Setting<"effect-api-key/json", boolean>,
  import("effect/cli/GlobalFlag").Setting<"effect-api-key/no-color", boolean>,
]
export declare const command: Command.Command<
  "api-keys",
  {},
  {},
  import("./internal/cli/CliFailure.ts").CliFailure | import("effect/Terminal").QuitError,
  import("./ApiKeys.ts").ApiKeys | import("effect/Stdio").Stdio | import("effect/cli/Prompt").Environment
>

// internal/cli/CliFailure.d.ts
export declare const exitCodes: {
  readonly done: 0
  readonly failed: 1
  readonly usage: 2
  readonly notFound: 3
  readonly invalidToken: 4
}

declare const CliFailure_base: Schema.Class<
  CliFailure,
  Schema.TaggedStruct<
    "CliFailure",
    {
      readonly exitCode: Schema.Literals<readonly [1, 2, 3, 4]>
      readonly tag: Schema.String
      readonly reason: Schema.String
      readonly advice: Schema.optionalKey<Schema.String>
      readonly token: Schema.optionalKey<Schema.Redacted<Schema.String>>
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class CliFailure extends CliFailure_base {
  readonly [Runtime.errorExitCode]: number
  get message(): string
  get [CliError.userMessage](): string
}

export declare const usage: (reason: string) => CliFailure

// internal/cli/Json.d.ts
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
      typeof ApiKeyError.PolicyRefused,
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
          typeof ApiKeyError.PolicyRefused,
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
          typeof ApiKeyError.PolicyRefused,
        ]
      >
    }>,
  ]
>

export declare const Upcoming: Schema.Struct<{
  readonly apiKey: typeof ApiKey
  readonly reason: Schema.Literals<readonly ["expires", "comesOfAge"]>
  readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
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
    readonly ["configuration", "peppers", "database", "migrations", "hashes", "clock", "indexes", "invalidation", "leaks"]
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

// internal/cli/commands/activate.d.ts
export declare const activate: Command.Command<
  "activate",
  {
    readonly confirmWithin: import("effect/Option").Option<import("effect/Duration").Duration>
    readonly ifVersion: import("effect/Option").Option<number>
    readonly key: string
  },
  {},
  import("../CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>

// internal/cli/commands/count.d.ts
export declare const count: Command.Command<
  "count",
  {
    readonly owner: import("effect/Option").Option<string>
    readonly status: import("effect/Option").Option<"active" | "expired" | "inactive">
    readonly scope: readonly string[]
    readonly name: import("effect/Option").Option<string>
    readonly keyId: import("effect/Option").Option<string>
    readonly startsWith: import("effect/Option").Option<string>
    readonly createdAfter: import("effect/Option").Option<import("../values.ts").Moment>
    readonly createdBefore: import("effect/Option").Option<import("../values.ts").Moment>
    readonly expiresAfter: import("effect/Option").Option<import("../values.ts").Moment>
    readonly expiresBefore: import("effect/Option").Option<import("../values.ts").Moment>
    readonly usedAfter: import("effect/Option").Option<import("../values.ts").Moment>
    readonly usedBefore: import("effect/Option").Option<import("../values.ts").Moment>
    readonly tokenCreatedAfter: import("effect/Option").Option<import("../values.ts").Moment>
    readonly tokenCreatedBefore: import("effect/Option").Option<import("../values.ts").Moment>
    readonly used: boolean
    readonly neverUsed: boolean
  },
  {},
  import("../CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>

// internal/cli/commands/create.d.ts
export declare const create: Command.Command<
  "create",
  {
    readonly name: string
    readonly description: import("effect/Option").Option<string>
    readonly owner: import("effect/Option").Option<string>
    readonly scope: readonly string[]
    readonly expires: import("effect/Option").Option<"never" | import("../values.ts").Moment>
    readonly metadata: import("effect/Option").Option<import("effect/Schema").JsonObject>
    readonly inactive: boolean
  },
  {},
  import("../CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>

// internal/cli/commands/deactivate.d.ts
export declare const deactivate: Command.Command<
  "deactivate",
  {
    readonly confirmWithin: import("effect/Option").Option<import("effect/Duration").Duration>
    readonly ifVersion: import("effect/Option").Option<number>
    readonly key: string
    readonly reason: import("effect/Option").Option<"leaked" | "manual" | "possession">
  },
  {},
  import("../CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>

// internal/cli/commands/delete.d.ts
export declare const remove: Command.Command<
  "delete",
  {
    readonly confirmWithin: import("effect/Option").Option<import("effect/Duration").Duration>
    readonly ifVersion: import("effect/Option").Option<number>
    readonly key: string
    readonly yes: boolean
  },
  {},
  import("../CliFailure.ts").CliFailure | import("effect/Terminal").QuitError,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/cli/Prompt").Environment
>

// internal/cli/commands/endGrace.d.ts
export declare const endGrace: Command.Command<
  "end-grace",
  {
    readonly confirmWithin: import("effect/Option").Option<import("effect/Duration").Duration>
    readonly ifVersion: import("effect/Option").Option<number>
    readonly key: string
    readonly yes: boolean
  },
  {},
  import("../CliFailure.ts").CliFailure | import("effect/Terminal").QuitError,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/cli/Prompt").Environment
>

// internal/cli/commands/export.d.ts
export declare const exportKeys: Command.Command<
  "export",
  {
    readonly owner: Option.Option<string>
    readonly status: Option.Option<"active" | "expired" | "inactive">
    readonly scope: readonly string[]
    readonly name: Option.Option<string>
    readonly keyId: Option.Option<string>
    readonly startsWith: Option.Option<string>
    readonly createdAfter: Option.Option<import("../values.ts").Moment>
    readonly createdBefore: Option.Option<import("../values.ts").Moment>
    readonly expiresAfter: Option.Option<import("../values.ts").Moment>
    readonly expiresBefore: Option.Option<import("../values.ts").Moment>
    readonly usedAfter: Option.Option<import("../values.ts").Moment>
    readonly usedBefore: Option.Option<import("../values.ts").Moment>
    readonly tokenCreatedAfter: Option.Option<import("../values.ts").Moment>
    readonly tokenCreatedBefore: Option.Option<import("../values.ts").Moment>
    readonly used: boolean
    readonly neverUsed: boolean
    readonly hashes: boolean
    readonly output: Option.Option<string>
  },
  {},
  CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | FileSystem.FileSystem
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>

// internal/cli/commands/generate.d.ts
export declare const generate: Command.Command<
  "generate",
  {
    readonly prefix: import("effect/Option").Option<string>
    readonly separator: import("effect/Option").Option<"-" | "." | ":" | "_" | "~">
    readonly count: number
  },
  {},
  import("../CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>

// internal/cli/commands/get.d.ts
export declare const get: Command.Command<
  "get",
  {
    readonly key: string
  },
  {},
  import("../CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | import("../../../ApiKeys.ts").ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>

// internal/cli/commands/hashReport.d.ts
export declare const hashReport: Command.Command<
  "hash-report",
  {},
  {},
  import("../CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>

// internal/cli/commands/import.d.ts
export declare const importKeys: Command.Command<
  "import",
  {
    readonly file: string
    readonly from: Option.Option<"better-auth" | "django" | "fastapi-api-key" | "keypal" | "prefixed-api-key" | "sha256" | "unkey">
    readonly prefix: Option.Option<string>
    readonly owner: readonly string[]
    readonly csv: boolean
    readonly delimiter: Option.Option<"\t" | "," | ";" | "|">
    readonly backslash: "plain" | "refuse"
    readonly dryRun: boolean
    readonly skip: number
  },
  {},
  CliFailure | import("effect/Terminal").QuitError,
  "effect/cli/GlobalFlag/effect-api-key/json" | ApiKeys | Stdio.Stdio | Prompt.Environment
>

// internal/cli/commands/list.d.ts
export declare const list: Command.Command<
  "list",
  {
    readonly owner: Option.Option<string>
    readonly status: Option.Option<"active" | "expired" | "inactive">
    readonly scope: readonly string[]
    readonly name: Option.Option<string>
    readonly keyId: Option.Option<string>
    readonly startsWith: Option.Option<string>
    readonly createdAfter: Option.Option<import("../values.ts").Moment>
    readonly createdBefore: Option.Option<import("../values.ts").Moment>
    readonly expiresAfter: Option.Option<import("../values.ts").Moment>
    readonly expiresBefore: Option.Option<import("../values.ts").Moment>
    readonly usedAfter: Option.Option<import("../values.ts").Moment>
    readonly usedBefore: Option.Option<import("../values.ts").Moment>
    readonly tokenCreatedAfter: Option.Option<import("../values.ts").Moment>
    readonly tokenCreatedBefore: Option.Option<import("../values.ts").Moment>
    readonly used: boolean
    readonly neverUsed: boolean
    readonly limit: Option.Option<number>
  },
  {},
  import("../CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>

// internal/cli/commands/revoke.d.ts
export declare const revoke: Command.Command<
  "revoke",
  {
    readonly token: void
    readonly stray: void
    readonly reason: "leaked" | "manual" | "possession"
    readonly report: import("effect/Option").Option<string>
  },
  {},
  import("../CliFailure.ts").CliFailure | import("effect/Terminal").QuitError,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/cli/Prompt").Environment
>

// internal/cli/commands/rotate.d.ts
export declare const rotate: Command.Command<
  "rotate",
  {
    readonly confirmWithin: Option.Option<Duration.Duration>
    readonly ifVersion: Option.Option<number>
    readonly key: string
    readonly grace: Option.Option<Duration.Duration>
    readonly fromFirstUse: boolean
    readonly endPrevious: boolean
    readonly yes: boolean
  },
  {},
  import("../CliFailure.ts").CliFailure | import("effect/Terminal").QuitError,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/cli/Prompt").Environment
>

// internal/cli/commands/scan.d.ts
export declare const scan: Command.Command<
  "scan",
  {
    readonly paths: readonly string[]
    readonly git: Option.Option<string>
    readonly prefix: readonly string[]
    readonly separator: Option.Option<"-" | "." | ":" | "_" | "~">
    readonly all: boolean
    readonly sarif: boolean
    readonly check: boolean
    readonly deactivate: boolean
  },
  {},
  CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>

// internal/cli/commands/search.d.ts
export declare const search: Command.Command<
  "search",
  {
    readonly owner: Option.Option<string>
    readonly status: Option.Option<"active" | "expired" | "inactive">
    readonly scope: readonly string[]
    readonly name: Option.Option<string>
    readonly keyId: Option.Option<string>
    readonly startsWith: Option.Option<string>
    readonly createdAfter: Option.Option<import("../values.ts").Moment>
    readonly createdBefore: Option.Option<import("../values.ts").Moment>
    readonly expiresAfter: Option.Option<import("../values.ts").Moment>
    readonly expiresBefore: Option.Option<import("../values.ts").Moment>
    readonly usedAfter: Option.Option<import("../values.ts").Moment>
    readonly usedBefore: Option.Option<import("../values.ts").Moment>
    readonly tokenCreatedAfter: Option.Option<import("../values.ts").Moment>
    readonly tokenCreatedBefore: Option.Option<import("../values.ts").Moment>
    readonly used: boolean
    readonly neverUsed: boolean
    readonly text: Option.Option<string>
    readonly sort: "-createdAt" | "-expiresAt" | "-lastUsedAt" | "-name" | "-tokenCreatedAt" | import("../../record/fields.ts").SortField
    readonly limit: number
    readonly offset: Option.Option<number>
    readonly cursor: Option.Option<string>
  },
  {},
  import("../CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>

// internal/cli/commands/upcoming.d.ts
export declare const upcoming: Command.Command<
  "upcoming",
  {
    readonly within: Duration.Duration
    readonly maximumAge: Option.Option<Duration.Duration>
    readonly limit: Option.Option<number>
  },
  {},
  import("../CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>

// internal/cli/commands/update.d.ts
export declare const update: Command.Command<
  "update",
  {
    readonly confirmWithin: Option.Option<import("effect/Duration").Duration>
    readonly ifVersion: Option.Option<number>
    readonly key: string
    readonly name: Option.Option<string>
    readonly description: Option.Option<string>
    readonly owner: Option.Option<string>
    readonly scope: readonly string[]
    readonly noScopes: boolean
    readonly expires: Option.Option<"never" | import("../values.ts").Moment>
    readonly metadata: Option.Option<import("effect/Schema").JsonObject>
  },
  {},
  import("../CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>

// internal/cli/commands/verify.d.ts
export declare const verify: Command.Command<
  "verify",
  {
    readonly token: void
    readonly stray: void
    readonly scope: readonly string[]
    readonly maxAge: import("effect/Option").Option<import("effect/Duration").Duration>
    readonly noUse: boolean
  },
  {},
  import("../CliFailure.ts").CliFailure | import("effect/Terminal").QuitError,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/cli/Prompt").Environment
>

// internal/cli/settings.d.ts
export declare const TokenFormat: Context.Reference<TokenConfig | undefined>
