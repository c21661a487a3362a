export declare const create: Command.Command<
  "create",
  {
    readonly limit: readonly string[]
    readonly quota: readonly string[]
    readonly allowIp: readonly string[]
    readonly idleTimeout: import("effect/Option").Option<string>
    readonly name: string
    readonly description: import("effect/Option").Option<string>
    readonly owner: import("effect/Option").Option<string>
    readonly scope: readonly string[]
    readonly expires: import("effect/Option").Option<"never" | import("../values.ts").Moment>
    readonly metadata: import("effect/Option").Option<import("effect/Schema").JsonObject>
    readonly inactive: boolean
  },
  {},
  import("../CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>
