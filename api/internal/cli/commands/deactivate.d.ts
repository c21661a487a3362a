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
