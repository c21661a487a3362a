/**
 * The core: records, scopes, tokens, errors, and the services with their in-memory layers. The module loads no optional package.
 * @since 0.1.0
 */
export * as AllowedIps from "./AllowedIps.ts"
export * as ApiKey from "./ApiKey.ts"
export * as ApiKeyError from "./ApiKeyError.ts"
export * as ApiKeyEvents from "./ApiKeyEvents.ts"
export * as ApiKeyHasher from "./ApiKeyHasher.ts"
export * as ApiKeyInvalidation from "./ApiKeyInvalidation.ts"
export * as ApiKeyMetrics from "./ApiKeyMetrics.ts"
export * as ApiKeyRepository from "./ApiKeyRepository.ts"
export * as ApiKeySeals from "./ApiKeySeals.ts"
export * as ApiKeys from "./ApiKeys.ts"
export * as ApiKeyToken from "./ApiKeyToken.ts"
export * as ApiKeyTransfer from "./ApiKeyTransfer.ts"
export * as IdleTimeout from "./IdleTimeout.ts"
export * as KeyPolicy from "./KeyPolicy.ts"
export * as Quota from "./Quota.ts"
export * as RateLimit from "./RateLimit.ts"
export * as Scope from "./Scope.ts"
export * as VerificationCache from "./VerificationCache.ts"
