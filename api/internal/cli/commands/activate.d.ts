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
