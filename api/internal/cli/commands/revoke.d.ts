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
