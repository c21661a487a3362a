export { layerAuth, layerRedactedHeaders, type AuthOptions } from "../internal/http/auth.ts"
export { layerHandlers } from "../internal/http/handlers.ts"
export { InvalidSigningKey, layerLeaks, type LeakOptions, type SigningKey } from "../internal/http/leakReports.ts"
export { layerMethodNotAllowed, layerProblems, layerRequestProblems } from "../internal/http/problemAnswers.ts"
