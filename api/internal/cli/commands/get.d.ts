export declare const get: Command.Command<
  "get",
  {
    readonly key: string
  },
  {},
  import("../CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | import("../../keys/service.ts").ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>
