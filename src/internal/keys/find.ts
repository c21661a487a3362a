/** Finds records. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Model from "../../ApiKey.ts"
import { ApiKeyNotFound, type InvalidCursor, InvalidInput, NotFound, type RepositoryError } from "../../ApiKeyError.ts"
import { type ApiKeyRepository, defaultSort, type Page } from "../../ApiKeyRepository.ts"
import * as ApiKeyTransfer from "../../ApiKeyTransfer.ts"
import { decodeFilter, decodeId, decodeKeyId } from "./input.ts"
import type { ExportOptions, Filter, SearchInput } from "./model.ts"
import { refuseUnstorable } from "./unstorable.ts"

export interface Dependencies {
  readonly repository: ApiKeyRepository["Service"]
  readonly isToken: (text: string) => boolean
}

export const make = ({ repository, isToken }: Dependencies) => ({
  get: Effect.fn("ApiKeys.get")(function* (text: string): Effect.fn.Return<Model.ApiKey, InvalidInput | ApiKeyNotFound | RepositoryError> {
    const id = yield* decodeId(text)
    const stored = yield* repository.findById(id)
    return Option.isSome(stored) ? stored.value.apiKey : yield* new ApiKeyNotFound({ id })
  }),

  getByKeyId: Effect.fn("ApiKeys.getByKeyId")(function* (
    text: string,
  ): Effect.fn.Return<Model.ApiKey, InvalidInput | NotFound | RepositoryError> {
    const keyId = yield* decodeKeyId(text, isToken)
    const stored = yield* repository.findByKeyId(keyId)
    return Option.isSome(stored) ? stored.value.apiKey : yield* new NotFound({ keyId })
  }),

  search: Effect.fn("ApiKeys.search")(function* ({ sort, limit = 50, offset, cursor, ...filter }: SearchInput = {}): Effect.fn.Return<
    Page,
    InvalidInput | InvalidCursor | RepositoryError
  > {
    if (!Number.isInteger(limit) || limit < 1 || limit > 200) {
      return yield* new InvalidInput({ field: "limit", reason: "must be 1 to 200" })
    }
    if (offset !== undefined && (!Number.isSafeInteger(offset) || offset < 0)) {
      return yield* new InvalidInput({ field: "offset", reason: "must be a whole number, at least 0" })
    }
    if (offset !== undefined && cursor !== undefined) {
      return yield* new InvalidInput({ field: "cursor", reason: "can't be combined with offset" })
    }
    const decoded = yield* decodeFilter(filter)
    const page = cursor === undefined ? ({ _tag: "Offset", offset: offset ?? 0 } as const) : ({ _tag: "Cursor", cursor } as const)
    return yield* Effect.mapError(repository.search({ filter: decoded, sort: sort ?? defaultSort, limit, page }), refuseUnstorable(decoded))
  }),

  count: Effect.fn("ApiKeys.count")(function* (filter: Filter = {}): Effect.fn.Return<number, InvalidInput | RepositoryError> {
    const decoded = yield* decodeFilter(filter)
    return yield* Effect.mapError(repository.count(decoded), refuseUnstorable(decoded))
  }),

  stream: (filter: Filter = {}): Stream.Stream<Model.ApiKey, InvalidInput | RepositoryError> =>
    Stream.unwrap(
      Effect.map(decodeFilter(filter), (decoded) => Stream.mapError(repository.stream(decoded), refuseUnstorable(decoded))),
    ).pipe(Stream.withSpan("ApiKeys.stream")),

  export: ({ hashes = false, filter = {} }: ExportOptions = {}): Stream.Stream<string, InvalidInput | RepositoryError> =>
    Stream.unwrap(
      Effect.map(decodeFilter(filter), (decoded) =>
        hashes
          ? Stream.map(repository.streamStored(decoded), ApiKeyTransfer.encodeLine)
          : Stream.map(repository.stream(decoded, { by: "createdAt", order: "asc" }), ApiKeyTransfer.encodeLine),
      ),
    ).pipe(Stream.withSpan("ApiKeys.export", { attributes: { "api_key.hashes": hashes } })),
})
