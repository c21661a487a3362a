export declare const verify: Command.Command<
  "verify",
  {
    readonly token: void
    readonly stray: void
    readonly scope: readonly string[]
    readonly maxAge: import("effect/Option").Option<import("effect/Duration").Duration>
    readonly address: import("effect/Option").Option<string>
    readonly cost: import("effect/Option").Option<number>
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
