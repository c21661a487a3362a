export declare const importKeys: Command.Command<
  "import",
  {
    readonly file: string
    readonly from: Option.Option<"better-auth" | "django" | "fastapi-api-key" | "keypal" | "prefixed-api-key" | "sha256" | "unkey">
    readonly prefix: Option.Option<string>
    readonly owner: readonly string[]
    readonly csv: boolean
    readonly delimiter: Option.Option<"\t" | "," | ";" | "|">
    readonly backslash: "plain" | "refuse"
    readonly dryRun: boolean
    readonly skip: number
  },
  {},
  CliFailure | import("effect/Terminal").QuitError,
  "effect/cli/GlobalFlag/effect-api-key/json" | ApiKeys | Stdio.Stdio | Prompt.Environment
>
