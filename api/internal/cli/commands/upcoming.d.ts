export declare const upcoming: Command.Command<
  "upcoming",
  {
    readonly within: Duration.Duration
    readonly maximumAge: Option.Option<Duration.Duration>
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
