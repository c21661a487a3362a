import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import { ApiKey, type StoredApiKey } from "./ApiKey.ts"
import type { InvalidInput } from "./ApiKeyError.ts"
import { format, formatVersion } from "./internal/transfer/line.ts"
import { UnreadableRow } from "./internal/transfer/split.ts"
import type { LegacyRecord } from "./LegacyTokens.ts"
export { format, formatVersion, UnreadableRow }
export interface ExportedKey {
  readonly format: typeof format
  readonly version: typeof formatVersion
  readonly apiKey: ApiKey
  readonly hash?: Redacted.Redacted
  readonly previousHash?: Redacted.Redacted
  readonly sealId?: string
  readonly previousSealId?: string
}
export declare const ExportedKey: Schema.Codec<ExportedKey, Schema.Json>
export declare const encodeLine: (key: ApiKey | StoredApiKey) => string
export declare const readRow: (row: unknown) => Result.Result<StoredApiKey, InvalidInput>
export interface RowReader {
  readonly readRow: (row: Readonly<Record<string, unknown>>) => Result.Result<LegacyRecord | StoredApiKey, InvalidInput>
}
export declare const readRowBy: (row: unknown, reader: RowReader | undefined) => Result.Result<StoredApiKey, InvalidInput>
export interface Refused {
  readonly _tag: "Refused"
  readonly row: number
  readonly field: string
  readonly reason: string
}
export interface Progress {
  readonly _tag: "Progress"
  readonly read: number
  readonly inserted: number
  readonly present: number
  readonly refused: number
}
export type ImportEvent = Refused | Progress
export interface ImportOptions {
  readonly from?: RowReader | undefined
  readonly dryRun?: boolean | undefined
  readonly skip?: number | undefined
  readonly unknownHashes?: "refuse" | "accept" | undefined
  readonly batchSize?: number | undefined
}
export interface LineOptions {
  readonly maxLineLength?: number | undefined
}
export interface CsvOptions extends LineOptions {
  readonly delimiter?: "," | ";" | "\t" | "|" | undefined
  readonly backslash?: "refuse" | "plain" | undefined
}
export declare const fromNdjson: <E, R>(
  input: Stream.Stream<string | Uint8Array, E, R>,
  { maxLineLength }?: LineOptions,
) => Stream.Stream<unknown, E, R>
export declare const fromJson: <E, R>(
  input: Stream.Stream<string | Uint8Array, E, R>,
  { maxLineLength }?: LineOptions,
) => Stream.Stream<unknown, E, R>
export declare const fromCsv: <E, R>(
  input: Stream.Stream<string | Uint8Array, E, R>,
  { maxLineLength, delimiter, backslash }?: CsvOptions,
) => Stream.Stream<unknown, E, R>
