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
    readonly idleAfter: Option.Option<import("../values.ts").Moment>
    readonly idleBefore: Option.Option<import("../values.ts").Moment>
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
