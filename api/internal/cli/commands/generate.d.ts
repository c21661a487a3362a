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
