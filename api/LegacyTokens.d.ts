import type * as DateTime from "effect/DateTime"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { ApiKeyId, KeyId } from "./ApiKey.ts"
import type { HasherError, InvalidInput } from "./ApiKeyError.ts"
import type { Scope } from "./Scope.ts"
export interface Candidate {
  readonly keyId: KeyId
  readonly secret: Redacted.Redacted
  readonly isDerived?: boolean | undefined
}
export interface LegacyRecord {
  readonly id: ApiKeyId
  readonly keyId: KeyId
  readonly prefix: string
  readonly name: string
  readonly description: string | null
  readonly ownerId: string | null
  readonly scopes: ReadonlyArray<Scope>
  readonly metadata: Schema.JsonObject
  readonly isActive: boolean
  readonly expiresAt: DateTime.Utc | null
  readonly createdAt: DateTime.Utc
  readonly updatedAt: DateTime.Utc
  readonly lastUsedAt: DateTime.Utc | null
  readonly hint: string
  readonly hash: Redacted.Redacted
}
export interface LegacyTokens {
  readonly name: string
  readonly parse: (token: string) => ReadonlyArray<Candidate>
  readonly verify: (secret: Redacted.Redacted, hash: Redacted.Redacted) => Effect.Effect<boolean, HasherError>
  readonly isExact?: (secret: Redacted.Redacted, hash: Redacted.Redacted) => Effect.Effect<boolean, HasherError>
  readonly readRow: (row: Readonly<Record<string, unknown>>) => Result.Result<LegacyRecord, InvalidInput>
}
