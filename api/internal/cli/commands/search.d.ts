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
    readonly idleAfter: Option.Option<import("../values.ts").Moment>
    readonly idleBefore: Option.Option<import("../values.ts").Moment>
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
