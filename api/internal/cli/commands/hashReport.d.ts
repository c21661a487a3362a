export declare const hashReport: Command.Command<
  "hash-report",
  {},
  {},
  import("../CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>
