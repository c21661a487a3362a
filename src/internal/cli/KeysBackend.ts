/**
 * What the commands work on: the `ApiKeys` of this process, or those of a server. The commands and their output are the same.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { ApiKey, ApiKeyId } from "../../ApiKey.ts"
import { type InvalidKey, isRefusal } from "../../ApiKeyError.ts"
import type { Page } from "../../ApiKeyRepository.ts"
import {
  ApiKeys,
  type ConfirmWithin,
  type Created,
  type CreateInput,
  type DeactivateOptions,
  type Filter,
  type IfVersion,
  type SearchInput,
  type UpdateInput,
  type Verified,
  type VerifyOptions,
} from "../../ApiKeys.ts"
import { type CliFailure, fromError } from "./CliFailure.ts"

/** How `rotate` replaces a token. @category models @since 0.1.0 */
export interface Rotation extends IfVersion, ConfirmWithin {
  readonly grace?: Duration.Duration | undefined
  readonly graceFrom?: "now" | "firstUse" | undefined
  readonly ifPrevious?: "end" | "refuse" | undefined
}

/** What a token came to. @category models @since 0.1.0 */
export type Verdict = { readonly valid: true; readonly verified: Verified } | { readonly valid: false; readonly error: InvalidKey }

/**
 * Where the keys are. `apiKeys` is the service itself, where it is in this process: importing and exporting need it.
 * @category services
 * @since 0.1.0
 */
export class KeysBackend extends Context.Service<
  KeysBackend,
  {
    readonly apiKeys: Option.Option<ApiKeys["Service"]>
    readonly create: (input: CreateInput) => Effect.Effect<Created, CliFailure>
    readonly get: (id: ApiKeyId) => Effect.Effect<ApiKey, CliFailure>
    readonly search: (input: SearchInput) => Effect.Effect<Page, CliFailure>
    readonly count: (filter: Filter) => Effect.Effect<number, CliFailure>
    /** Every key that matches, newest first. */
    readonly stream: (filter: Filter) => Stream.Stream<ApiKey, CliFailure>
    readonly update: (id: ApiKeyId, input: UpdateInput, options: IfVersion & ConfirmWithin) => Effect.Effect<ApiKey, CliFailure>
    readonly activate: (id: ApiKeyId, options: IfVersion) => Effect.Effect<ApiKey, CliFailure>
    readonly deactivate: (id: ApiKeyId, options: IfVersion & ConfirmWithin & DeactivateOptions) => Effect.Effect<ApiKey, CliFailure>
    readonly delete: (id: ApiKeyId, options: IfVersion & ConfirmWithin) => Effect.Effect<void, CliFailure>
    readonly rotate: (id: ApiKeyId, rotation: Rotation) => Effect.Effect<Created, CliFailure>
    readonly endGrace: (id: ApiKeyId, options: IfVersion & ConfirmWithin) => Effect.Effect<ApiKey, CliFailure>
    readonly verify: (
      token: Redacted.Redacted,
      scopes: ReadonlyArray<string>,
      options?: Pick<VerifyOptions, "maxAge" | "countsAsUse">,
    ) => Effect.Effect<Verdict, CliFailure>
  }
>()("effect-api-key/cli/KeysBackend") {}

const failing = <A, E extends { readonly _tag: string; readonly message: string }, R>(
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<A, CliFailure, R> => Effect.mapError(effect, (error) => fromError(error))

/**
 * Over the `ApiKeys` provided.
 * @category layers
 * @since 0.1.0
 */
export const layerApiKeys: Layer.Layer<KeysBackend, never, ApiKeys> = Layer.effect(
  KeysBackend,
  Effect.map(ApiKeys, (apiKeys) =>
    KeysBackend.of({
      apiKeys: Option.some(apiKeys),
      create: (input) => failing(apiKeys.create(input)),
      get: (id) => failing(apiKeys.get(id)),
      search: (input) => failing(apiKeys.search(input)),
      count: (filter) => failing(apiKeys.count(filter)),
      stream: (filter) => Stream.mapError(apiKeys.stream(filter), (error) => fromError(error)),
      update: (id, input, options) => failing(apiKeys.update(id, input, options)),
      activate: (id, options) => failing(apiKeys.activate(id, options)),
      deactivate: (id, options) => failing(apiKeys.deactivate(id, options)),
      delete: (id, options) => failing(apiKeys.delete(id, options)),
      rotate: (id, rotation) => failing(apiKeys.rotate(id, rotation)),
      endGrace: (id, options) => failing(apiKeys.endGrace(id, options)),
      verify: (token, scopes, options) =>
        apiKeys.verify(token, { scopes, ...options }).pipe(
          Effect.map((verified): Verdict => ({ valid: true, verified })),
          Effect.catchTags({
            RepositoryError: (error) => Effect.fail(fromError(error)),
            HasherError: (error) => Effect.fail(fromError(error)),
            Overloaded: (error) => Effect.fail(fromError(error)),
          }),
          Effect.catchIf(isRefusal, (error) => Effect.succeed<Verdict>({ valid: false, error })),
        ),
    }),
  ),
)
