export declare const rotate: Command.Command<
  "rotate",
  {
    readonly confirmWithin: Option.Option<Duration.Duration>
    readonly ifVersion: Option.Option<number>
    readonly key: string
    readonly grace: Option.Option<Duration.Duration>
    readonly fromFirstUse: boolean
    readonly endPrevious: boolean
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
