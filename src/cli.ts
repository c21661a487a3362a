/**
 * The commands that manage API keys, for a command line of your own. {@link command} runs on the `ApiKeys` of your program, in its process or
 * over HTTP (`effect-api-key/http/client`). The package's own command line, `effect-api-key`, has them too.
 *
 * ```ts
 * import { ApiKeys } from "effect-api-key"
 * import * as ApiKeyCommands from "effect-api-key/cli"
 * import { Command } from "effect/cli"
 *
 * const shop = Command.make("shop").pipe(
 *   Command.withSubcommands([ApiKeyCommands.command]),
 *   Command.provide(ApiKeys.layerMemory),
 * )
 * ```
 *
 * `runMain` of `effect-api-key/cli/CommandLine` runs such a command line as the package's own runs. With `NodeRuntime.runMain` a failure is a
 * {@link CliFailure}, which bears the exit code. Wrong usage is Effect's own failure, and ends with exit code 1 and the command's help.
 * @since 0.1.0
 */
import * as Command from "effect/cli/Command"
import { activate } from "./internal/cli/commands/activate.ts"
import { changeQuota } from "./internal/cli/commands/changeQuota.ts"
import { count } from "./internal/cli/commands/count.ts"
import { create } from "./internal/cli/commands/create.ts"
import { deactivate } from "./internal/cli/commands/deactivate.ts"
import { remove } from "./internal/cli/commands/delete.ts"
import { endGrace } from "./internal/cli/commands/endGrace.ts"
import { exportKeys } from "./internal/cli/commands/export.ts"
import { generate } from "./internal/cli/commands/generate.ts"
import { get } from "./internal/cli/commands/get.ts"
import { hashReport } from "./internal/cli/commands/hashReport.ts"
import { importKeys } from "./internal/cli/commands/import.ts"
import { list } from "./internal/cli/commands/list.ts"
import { quotas } from "./internal/cli/commands/quotas.ts"
import { revoke } from "./internal/cli/commands/revoke.ts"
import { rotate } from "./internal/cli/commands/rotate.ts"
import { scan } from "./internal/cli/commands/scan.ts"
import { sealReport } from "./internal/cli/commands/sealReport.ts"
import { search } from "./internal/cli/commands/search.ts"
import { upcoming } from "./internal/cli/commands/upcoming.ts"
import { update } from "./internal/cli/commands/update.ts"
import { verify } from "./internal/cli/commands/verify.ts"
import * as Settings from "./internal/cli/settings.ts"

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

/** `--json` and `--no-color`, which every command takes. @category flags @since 0.1.0 */
export const globalFlags = [Settings.Json, Settings.NoColor] as const

/**
 * All commands, under `api-keys`, on the `ApiKeys` provided.
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("api-keys").pipe(
  Command.withDescription("Issue, verify and manage API keys"),
  Command.withSubcommands([
    create,
    list,
    get,
    update,
    activate,
    deactivate,
    remove,
    search,
    count,
    upcoming,
    verify,
    revoke,
    rotate,
    endGrace,
    quotas,
    changeQuota,
    generate,
    scan,
    hashReport,
    sealReport,
    importKeys,
    exportKeys,
  ]),
  Command.withGlobalFlags(globalFlags),
)
