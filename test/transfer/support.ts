/** What the tests here share. */
import { Effect, Stream } from "effect"
import * as Repository from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import * as ApiKeyTransfer from "../../src/ApiKeyTransfer.ts"
import { layerOwn } from "../support/transfer.ts"

export const { encodeLine, fromCsv, fromJson, fromNdjson } = ApiKeyTransfer

export const run = <A, E>(effect: Effect.Effect<A, E, ApiKeys.ApiKeys | Repository.ApiKeyRepository>, options: ApiKeys.Options = {}) =>
  Effect.provide(effect, layerOwn(options), { local: true })

export const importing = (lines: ReadonlyArray<string>, options?: ApiKeyTransfer.ImportOptions) =>
  ApiKeys.ApiKeys.use((apiKeys) =>
    Stream.runCollect(apiKeys.import(fromNdjson(Stream.fromIterable(lines)), { unknownHashes: "accept", ...options })),
  )

export const rowOf = (line: string) => JSON.parse(line)
