import * as Context from "effect/Context"

/**
 * Whether the service is built for one command. Nothing then looks for seals in the background, so tokens without a good seal are looked up after
 * the others.
 */
export const RunsOnce = Context.Reference<boolean>("effect-api-key/RunsOnce", { defaultValue: () => false })
