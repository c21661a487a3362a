export declare const changeQuota: Command.Command<
  "change-quota",
  {
    readonly key: string
    readonly change: "refund" | "takeBack" | "topUp"
    readonly quota: string
    readonly units: number
    readonly requestId: string
  },
  {},
  import("../CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>
