import * as Command from "effect/cli/Command"
import * as Prompt from "effect/cli/Prompt"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { KeysBackend } from "./internal/cli/KeysBackend.ts"
import { type Moment } from "./internal/cli/values.ts"
export { CliFailure, exitCodes } from "./internal/cli/CliFailure.ts"
export { scan } from "./internal/cli/scan.ts"
export { exportKeys, importKeys } from "./internal/cli/transfer.ts"
export * as Json from "./internal/cli/Json.ts"
export { TokenFormat } from "./internal/cli/settings.ts"
export { KeysBackend, layerApiKeys, type Rotation, type Verdict } from "./internal/cli/KeysBackend.ts"
export declare const create: Command.Command<
  "create",
  {
    readonly name: string
    readonly description: Option.Option<string>
    readonly owner: Option.Option<string>
    readonly scope: readonly string[]
    readonly expires: Option.Option<"never" | Moment>
    readonly metadata: Option.Option<Schema.JsonObject>
    readonly inactive: boolean
  },
  {},
  import("./internal/cli/CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | KeysBackend
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>
export declare const list: Command.Command<
  "list",
  {
    readonly owner: Option.Option<string>
    readonly status: Option.Option<"active" | "expired" | "inactive">
    readonly scope: readonly string[]
    readonly name: Option.Option<string>
    readonly createdAfter: Option.Option<Moment>
    readonly createdBefore: Option.Option<Moment>
    readonly expiresAfter: Option.Option<Moment>
    readonly expiresBefore: Option.Option<Moment>
    readonly usedAfter: Option.Option<Moment>
    readonly usedBefore: Option.Option<Moment>
    readonly neverUsed: boolean
    readonly limit: Option.Option<number>
  },
  {},
  import("./internal/cli/CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | KeysBackend
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>
export declare const get: Command.Command<
  "get",
  {
    readonly key: string
  },
  {},
  import("./internal/cli/CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | KeysBackend
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>
export declare const update: Command.Command<
  "update",
  {
    readonly key: string
    readonly name: Option.Option<string>
    readonly description: Option.Option<string>
    readonly owner: Option.Option<string>
    readonly scope: readonly string[]
    readonly noScopes: boolean
    readonly expires: Option.Option<"never" | Moment>
    readonly metadata: Option.Option<Schema.JsonObject>
    readonly confirmWithin: Option.Option<Duration.Duration>
  },
  {},
  import("./internal/cli/CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | KeysBackend
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>
export declare const activate: Command.Command<
  "activate",
  {
    readonly key: string
  },
  {},
  import("./internal/cli/CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | KeysBackend
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>
export declare const deactivate: Command.Command<
  "deactivate",
  {
    readonly key: string
    readonly confirmWithin: Option.Option<Duration.Duration>
  },
  {},
  import("./internal/cli/CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | KeysBackend
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>
export declare const remove: Command.Command<
  "delete",
  {
    readonly key: string
    readonly yes: boolean
    readonly confirmWithin: Option.Option<Duration.Duration>
  },
  {},
  import("./internal/cli/CliFailure.ts").CliFailure | import("effect/Terminal").QuitError,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | KeysBackend
  | import("effect/Stdio").Stdio
  | Prompt.Environment
>
export declare const search: Command.Command<
  "search",
  {
    readonly owner: Option.Option<string>
    readonly status: Option.Option<"active" | "expired" | "inactive">
    readonly scope: readonly string[]
    readonly name: Option.Option<string>
    readonly createdAfter: Option.Option<Moment>
    readonly createdBefore: Option.Option<Moment>
    readonly expiresAfter: Option.Option<Moment>
    readonly expiresBefore: Option.Option<Moment>
    readonly usedAfter: Option.Option<Moment>
    readonly usedBefore: Option.Option<Moment>
    readonly neverUsed: boolean
    readonly text: Option.Option<string>
    readonly sort: "-createdAt" | "-expiresAt" | "-lastUsedAt" | "-name" | "createdAt" | "expiresAt" | "lastUsedAt" | "name"
    readonly limit: number
    readonly offset: Option.Option<number>
    readonly cursor: Option.Option<string>
  },
  {},
  import("./internal/cli/CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | KeysBackend
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>
export declare const count: Command.Command<
  "count",
  {
    readonly owner: Option.Option<string>
    readonly status: Option.Option<"active" | "expired" | "inactive">
    readonly scope: readonly string[]
    readonly name: Option.Option<string>
    readonly createdAfter: Option.Option<Moment>
    readonly createdBefore: Option.Option<Moment>
    readonly expiresAfter: Option.Option<Moment>
    readonly expiresBefore: Option.Option<Moment>
    readonly usedAfter: Option.Option<Moment>
    readonly usedBefore: Option.Option<Moment>
    readonly neverUsed: boolean
  },
  {},
  import("./internal/cli/CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | KeysBackend
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>
export declare const verify: Command.Command<
  "verify",
  {
    readonly scope: readonly string[]
    readonly token: void
    readonly stray: void
  },
  {},
  import("./internal/cli/CliFailure.ts").CliFailure | import("effect/Terminal").QuitError,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | KeysBackend
  | import("effect/Stdio").Stdio
  | Prompt.Environment
>
export declare const rotate: Command.Command<
  "rotate",
  {
    readonly key: string
    readonly grace: Option.Option<Duration.Duration>
    readonly fromFirstUse: boolean
    readonly endPrevious: boolean
    readonly yes: boolean
    readonly confirmWithin: Option.Option<Duration.Duration>
  },
  {},
  import("./internal/cli/CliFailure.ts").CliFailure | import("effect/Terminal").QuitError,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | KeysBackend
  | import("effect/Stdio").Stdio
  | Prompt.Environment
>
export declare const endGrace: Command.Command<
  "end-grace",
  {
    readonly key: string
    readonly yes: boolean
    readonly confirmWithin: Option.Option<Duration.Duration>
  },
  {},
  import("./internal/cli/CliFailure.ts").CliFailure | import("effect/Terminal").QuitError,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | KeysBackend
  | import("effect/Stdio").Stdio
  | Prompt.Environment
>
export declare const generate: Command.Command<
  "generate",
  {
    readonly prefix: Option.Option<string>
    readonly separator: Option.Option<"-" | "." | ":" | "_" | "~">
    readonly count: number
  },
  {},
  import("./internal/cli/CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>
export declare const hashReport: Command.Command<
  "hash-report",
  {},
  {},
  import("./internal/cli/CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | KeysBackend
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>
export declare const globalFlags: readonly [
  import("effect/cli/GlobalFlag").Setting<"effect-api-key/json", boolean>,
  import("effect/cli/GlobalFlag").Setting<"effect-api-key/no-color", boolean>,
]
export declare const command: Command.Command<
  "api-keys",
  {},
  {},
  import("./internal/cli/CliFailure.ts").CliFailure | import("effect/Terminal").QuitError,
  KeysBackend | import("effect/Stdio").Stdio | Prompt.Environment
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

export declare const encodeLeaked: (
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

// internal/cli/KeysBackend.d.ts
export interface Rotation extends IfVersion, ConfirmWithin {
  readonly grace?: Duration.Duration | undefined
  readonly graceFrom?: "now" | "firstUse" | undefined
  readonly ifPrevious?: "end" | "refuse" | undefined
}

export type Verdict =
  | {
      readonly valid: true
      readonly verified: Verified
    }
  | {
      readonly valid: false
      readonly error: InvalidKey
    }

declare const KeysBackend_base: Context.ServiceClass<
  KeysBackend,
  "effect-api-key/cli/KeysBackend",
  {
    readonly apiKeys: Option.Option<ApiKeys["Service"]>
    readonly create: (input: CreateInput) => Effect.Effect<Created, CliFailure>
    readonly get: (id: ApiKeyId) => Effect.Effect<ApiKey, CliFailure>
    readonly search: (input: SearchInput) => Effect.Effect<Page, CliFailure>
    readonly count: (filter: Filter) => Effect.Effect<number, CliFailure>
    readonly stream: (filter: Filter) => Stream.Stream<ApiKey, CliFailure>
    readonly update: (id: ApiKeyId, input: UpdateInput, options: IfVersion & ConfirmWithin) => Effect.Effect<ApiKey, CliFailure>
    readonly activate: (id: ApiKeyId, options: IfVersion) => Effect.Effect<ApiKey, CliFailure>
    readonly deactivate: (id: ApiKeyId, options: IfVersion & ConfirmWithin & DeactivateOptions) => Effect.Effect<ApiKey, CliFailure>
    readonly delete: (id: ApiKeyId, options: IfVersion & ConfirmWithin) => Effect.Effect<void, CliFailure>
    readonly rotate: (id: ApiKeyId, rotation: Rotation) => Effect.Effect<Created, CliFailure>
    readonly endGrace: (id: ApiKeyId, options: IfVersion & ConfirmWithin) => Effect.Effect<ApiKey, CliFailure>
    readonly verify: (
      token: Redacted.Redacted,
      scopes: ReadonlyArray<string>,
      options?: Pick<VerifyOptions, "maxAge" | "countsAsUse">,
    ) => Effect.Effect<Verdict, CliFailure>
  }
>

export declare class KeysBackend extends KeysBackend_base {}

export declare const layerApiKeys: Layer.Layer<KeysBackend, never, ApiKeys>

// internal/cli/scan.d.ts
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

// internal/cli/settings.d.ts
export declare const TokenFormat: Context.Reference<TokenConfig | undefined>

// internal/cli/transfer.d.ts
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
  "effect/cli/GlobalFlag/effect-api-key/json" | import("./KeysBackend.ts").KeysBackend | Stdio.Stdio | Prompt.Environment
>

export declare const exportKeys: Command.Command<
  "export",
  {
    readonly owner: Option.Option<string>
    readonly status: Option.Option<"active" | "expired" | "inactive">
    readonly scope: readonly string[]
    readonly name: Option.Option<string>
    readonly createdAfter: Option.Option<import("./values.ts").Moment>
    readonly createdBefore: Option.Option<import("./values.ts").Moment>
    readonly expiresAfter: Option.Option<import("./values.ts").Moment>
    readonly expiresBefore: Option.Option<import("./values.ts").Moment>
    readonly usedAfter: Option.Option<import("./values.ts").Moment>
    readonly usedBefore: Option.Option<import("./values.ts").Moment>
    readonly neverUsed: boolean
    readonly hashes: boolean
    readonly output: Option.Option<string>
  },
  {},
  CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | FileSystem.FileSystem
  | import("./KeysBackend.ts").KeysBackend
  | Stdio.Stdio
  | import("effect/Terminal").Terminal
>

// internal/cli/values.d.ts
export type Moment = DateTime.Utc | Duration.Duration
