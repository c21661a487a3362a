/**
 * The HTTP interface at work: handlers and middleware as layers over `ApiKeys`.
 * @since 0.1.0
 */
export { layerAuth, layerRedactedHeaders, type AuthOptions } from "../internal/http/auth.ts"
export type { ProxyOptions } from "../internal/http/clientAddress.ts"
export { layerHandlers } from "../internal/http/handlers.ts"
export { InvalidSigningKey, layerLeaks, type LeakOptions, type SigningKey } from "../internal/http/leakReports.ts"
export { layerMethodNotAllowed, layerProblems, layerRequestProblems } from "../internal/http/problemAnswers.ts"
