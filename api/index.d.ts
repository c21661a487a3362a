import * as ApiKey from "./ApiKey.ts"
import * as ApiKeyError from "./ApiKeyError.ts"
import * as ApiKeyHasher from "./ApiKeyHasher.ts"
import * as ApiKeyInvalidation from "./ApiKeyInvalidation.ts"
import * as ApiKeyMetrics from "./ApiKeyMetrics.ts"
import * as ApiKeyRepository from "./ApiKeyRepository.ts"
import * as ApiKeys from "./ApiKeys.ts"
import * as ApiKeyToken from "./ApiKeyToken.ts"
import * as ApiKeyTransfer from "./ApiKeyTransfer.ts"
import * as Scope from "./Scope.ts"
import * as VerificationCache from "./VerificationCache.ts"
export {
  ApiKey,
  ApiKeyError,
  ApiKeyHasher,
  ApiKeyInvalidation,
  ApiKeyMetrics,
  ApiKeyRepository,
  ApiKeyToken,
  ApiKeyTransfer,
  ApiKeys,
  Scope,
  VerificationCache,
}
