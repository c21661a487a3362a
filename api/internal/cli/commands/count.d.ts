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
    readonly idleAfter: import("effect/Option").Option<import("../values.ts").Moment>
    readonly idleBefore: import("effect/Option").Option<import("../values.ts").Moment>
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
