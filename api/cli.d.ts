import * as Command from "effect/cli/Command"
export { CliFailure, exitCodes } from "./internal/cli/CliFailure.ts"
export { activate } from "./internal/cli/commands/activate.ts"
export { changeQuota } from "./internal/cli/commands/changeQuota.ts"
export { count } from "./internal/cli/commands/count.ts"
export { create } from "./internal/cli/commands/create.ts"
export { deactivate } from "./internal/cli/commands/deactivate.ts"
export { remove } from "./internal/cli/commands/delete.ts"
export { endGrace } from "./internal/cli/commands/endGrace.ts"
export { exportKeys } from "./internal/cli/commands/export.ts"
export { generate } from "./internal/cli/commands/generate.ts"
export { get } from "./internal/cli/commands/get.ts"
export { hashReport } from "./internal/cli/commands/hashReport.ts"
export { importKeys } from "./internal/cli/commands/import.ts"
export { list } from "./internal/cli/commands/list.ts"
export { quotas } from "./internal/cli/commands/quotas.ts"
export { revoke } from "./internal/cli/commands/revoke.ts"
export { rotate } from "./internal/cli/commands/rotate.ts"
export { scan } from "./internal/cli/commands/scan.ts"
export { sealReport } from "./internal/cli/commands/sealReport.ts"
export { search } from "./internal/cli/commands/search.ts"
export { upcoming } from "./internal/cli/commands/upcoming.ts"
export { update } from "./internal/cli/commands/update.ts"
export { verify } from "./internal/cli/commands/verify.ts"
export * as Json from "./internal/cli/Json.ts"
export { TokenFormat } from "./internal/cli/settings.ts"
export declare const globalFlags: readonly [
  import("effect/cli/GlobalFlag").Setting<"effect-api-key/json", boolean>,
  import("effect/cli/GlobalFlag").Setting<"effect-api-key/no-color", boolean>,
]
export declare const command: Command.Command<
  "api-keys",
  {},
  {},
  import("./internal/cli/CliFailure.ts").CliFailure | import("effect/Terminal").QuitError,
  import("./ApiKeys.ts").ApiKeys | import("effect/Stdio").Stdio | import("effect/cli/Prompt").Environment
>
