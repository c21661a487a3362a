import * as ByteSize from "effect/ByteSize"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { ApiKey, KeyId } from "../ApiKey.ts"
import {
  ApiKeyNotFound,
  GraceRunning,
  InvalidCursor,
  InvalidInput,
  NotFound,
  RepositoryError,
  TooManyKeys,
  Unconfirmed,
  VersionConflict,
} from "../ApiKeyError.ts"
import * as ApiKeyToken from "../ApiKeyToken.ts"
import { type InvalidServerUrl, type Plaintext } from "../internal/http/serverUrl.ts"
import type { ConfirmWithin, Filter, IfVersion, SearchInput, SearchUpcomingInput } from "../internal/keys/model.ts"
import { InvalidOptions } from "../internal/keys/options.ts"
import { ApiKeys } from "../internal/keys/service.ts"
import type { LegacyTokens } from "../LegacyTokens.ts"
import { QuotaChange } from "../Quota.ts"
export {
  Forbidden,
  isServerFailure,
  ServerFailure,
  ServerUnavailable,
  ServerUnreachable,
  TooManyRequests,
  Unauthorized,
  UnexpectedAnswer,
} from "../internal/http/ServerFailure.ts"
export { InvalidServerUrl } from "../internal/http/serverUrl.ts"
export { InvalidOptions } from "../internal/keys/options.ts"
export interface Options {
  readonly url: string
  readonly token: Redacted.Redacted
  readonly tokenName?: string | undefined
  readonly place?: string | undefined
  readonly tokenFormat?: ApiKeyToken.TokenConfig | ApiKeyToken.TokenFormat | undefined
  readonly legacy?: ReadonlyArray<Pick<LegacyTokens, "parse">> | undefined
  readonly answerWithin?: Duration.Input | undefined
  readonly maxAnswerSize?: ByteSize.Input | undefined
  readonly plaintext?: Plaintext | undefined
}
export declare const layer: (
  options: Options,
) => Layer.Layer<ApiKeys, InvalidServerUrl | InvalidOptions | ApiKeyToken.InvalidTokenConfig, HttpClient.HttpClient>
export declare const layerFetch: (
  options: Options,
) => Layer.Layer<ApiKeys, InvalidServerUrl | InvalidOptions | ApiKeyToken.InvalidTokenConfig>
export declare const make: (options: Options) => Effect.Effect<
  {
    readonly create: (
      input: import("../internal/keys/model.ts").CreateInput,
    ) => Effect.Effect<
      import("../internal/keys/model.ts").Created,
      InvalidInput | TooManyKeys | RepositoryError | import("../ApiKeyError.ts").HasherError
    >
    readonly verify: (
      token: string | Redacted.Redacted,
      options?: import("../ApiKeys.ts").VerifyOptions,
    ) => Effect.Effect<import("../ApiKeys.ts").Verified, import("../ApiKeyError.ts").VerifyError>
    readonly isToken: (token: string | Redacted.Redacted) => boolean
    readonly keyIdsOf: (token: string | Redacted.Redacted) => ReadonlyArray<KeyId>
    readonly get: (id: string) => Effect.Effect<ApiKey, InvalidInput | ApiKeyNotFound | RepositoryError>
    readonly getByKeyId: (keyId: string) => Effect.Effect<ApiKey, InvalidInput | NotFound | RepositoryError>
    readonly search: (
      input?: SearchInput,
    ) => Effect.Effect<import("../ApiKeyRepository.ts").Page, InvalidInput | InvalidCursor | RepositoryError>
    readonly count: (filter?: Filter) => Effect.Effect<number, InvalidInput | RepositoryError>
    readonly stream: (filter?: Filter) => Stream.Stream<ApiKey, InvalidInput | RepositoryError>
    readonly update: (
      id: string,
      input: import("../internal/keys/model.ts").UpdateInput,
      options?: IfVersion & ConfirmWithin,
    ) => Effect.Effect<ApiKey, InvalidInput | TooManyKeys | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    readonly activate: (
      id: string,
      options?: IfVersion & ConfirmWithin,
    ) => Effect.Effect<ApiKey, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    readonly deactivate: (
      id: string,
      options?: IfVersion & ConfirmWithin & import("../internal/keys/model.ts").DeactivateOptions,
    ) => Effect.Effect<ApiKey, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    readonly delete: (
      id: string,
      options?: IfVersion & ConfirmWithin,
    ) => Effect.Effect<void, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    readonly rotate: (
      id: string,
      options?: import("../internal/keys/model.ts").RotateOptions,
    ) => Effect.Effect<
      import("../internal/keys/model.ts").Created,
      | InvalidInput
      | ApiKeyNotFound
      | VersionConflict
      | GraceRunning
      | RepositoryError
      | import("../ApiKeyError.ts").HasherError
      | Unconfirmed
    >
    readonly endGrace: (
      id: string,
      options?: IfVersion & ConfirmWithin,
    ) => Effect.Effect<ApiKey, InvalidInput | ApiKeyNotFound | VersionConflict | RepositoryError | Unconfirmed>
    readonly revoke: (
      token: string | Redacted.Redacted,
      options: import("../internal/keys/model.ts").RevokeOptions,
    ) => Effect.Effect<import("../internal/keys/model.ts").Revoked, import("../ApiKeyError.ts").VerifyError | ApiKeyNotFound>
    readonly quotas: (
      id: string,
    ) => Effect.Effect<ReadonlyArray<import("../RateLimit.ts").LimitState>, InvalidInput | ApiKeyNotFound | RepositoryError>
    readonly changeQuota: (
      id: string,
      change: QuotaChange,
    ) => Effect.Effect<import("../Quota.ts").QuotaChanged, InvalidInput | ApiKeyNotFound | RepositoryError>
    readonly upcoming: (
      options: import("../internal/keys/model.ts").UpcomingOptions,
    ) => Stream.Stream<import("../internal/keys/model.ts").Upcoming, InvalidInput | RepositoryError>
    readonly searchUpcoming: (
      input: SearchUpcomingInput,
    ) => Effect.Effect<import("../internal/keys/model.ts").UpcomingPage, InvalidInput | InvalidCursor | RepositoryError>
    readonly isInTouch: Effect.Effect<boolean>
    readonly hashReport: Effect.Effect<
      ReadonlyArray<import("../internal/keys/model.ts").HashUsage>,
      RepositoryError | import("../ApiKeyError.ts").HasherError
    >
    readonly sealReport: Effect.Effect<
      ReadonlyArray<import("../internal/keys/model.ts").SealUsage>,
      RepositoryError | import("../ApiKeyError.ts").HasherError
    >
    readonly import: <E, R>(
      rows: Stream.Stream<unknown, E, R>,
      options?: import("../ApiKeyTransfer.ts").ImportOptions,
    ) => Stream.Stream<import("../ApiKeyTransfer.ts").ImportEvent, E | InvalidInput | RepositoryError, R>
    readonly export: (options?: import("../internal/keys/model.ts").ExportOptions) => Stream.Stream<string, InvalidInput | RepositoryError>
  },
  InvalidOptions | InvalidServerUrl | ApiKeyToken.InvalidTokenConfig,
  HttpClient.HttpClient
>
