export declare const scan: Command.Command<
  "scan",
  {
    readonly paths: readonly string[]
    readonly git: Option.Option<string>
    readonly prefix: readonly string[]
    readonly separator: Option.Option<"-" | "." | ":" | "_" | "~">
    readonly all: boolean
    readonly sarif: boolean
    readonly check: boolean
    readonly deactivate: boolean
  },
  {},
  CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>
