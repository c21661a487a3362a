export declare const update: Command.Command<
  "update",
  {
    readonly confirmWithin: Option.Option<import("effect/Duration").Duration>
    readonly ifVersion: Option.Option<number>
    readonly limit: readonly string[]
    readonly quota: readonly string[]
    readonly allowIp: readonly string[]
    readonly idleTimeout: Option.Option<string>
    readonly noLimits: boolean
    readonly noQuotas: boolean
    readonly noAllowedIps: boolean
    readonly noIdleTimeout: boolean
    readonly key: string
    readonly name: Option.Option<string>
    readonly description: Option.Option<string>
    readonly owner: Option.Option<string>
    readonly scope: readonly string[]
    readonly noScopes: boolean
    readonly expires: Option.Option<"never" | import("../values.ts").Moment>
    readonly metadata: Option.Option<import("effect/Schema").JsonObject>
  },
  {},
  import("../CliFailure.ts").CliFailure,
  | "effect/cli/GlobalFlag/effect-api-key/json"
  | "effect/cli/GlobalFlag/effect-api-key/no-color"
  | ApiKeys
  | import("effect/Stdio").Stdio
  | import("effect/Terminal").Terminal
>
