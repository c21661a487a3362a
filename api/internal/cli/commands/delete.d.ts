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
