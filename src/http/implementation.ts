/**
 * The HTTP interface at work: handlers and middleware as layers over `ApiKeys`.
 * @since 0.1.0
 */
export { layerAuth, layerRedactedHeaders, type AuthOptions } from "./auth.ts"
export { layerHandlers } from "./handlers.ts"
export { InvalidSigningKey, layerLeaks, type LeakOptions, type SigningKey } from "./leaks.ts"
export { layerMethodNotAllowed, layerProblems, layerRequestProblems } from "./problems.ts"
