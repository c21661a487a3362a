import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as ApiKeyToken from "../ApiKeyToken.ts"
import type { Encoding } from "../internal/scan/encoding.ts"
import { type ScanError, type ScanProblem, Unreadable } from "../internal/scan/ScanError.ts"
export {
  GitFailed,
  GitMissing,
  NotARepository,
  PathNotFound,
  type ScanError,
  type ScanProblem,
  ShallowRepository,
  Unreadable,
} from "../internal/scan/ScanError.ts"
export interface Find {
  readonly token: Redacted.Redacted
  readonly prefix: string
  readonly keyId: string
  readonly hint: string
  readonly path: string
  readonly line: number
  readonly column: number
  readonly byteOffset: number
  readonly encoding: Encoding
  readonly commit?: string
}
export type { Encoding }
export interface ScanOptions {
  readonly formats?: ReadonlyArray<ApiKeyToken.TokenConfig> | undefined
  readonly workers?: number | undefined
  readonly onProblem?: ((problem: ScanProblem) => Effect.Effect<void>) | undefined
  readonly onProgress?: ((progress: ScanProgress) => Effect.Effect<void>) | undefined
}
export interface ScanProgress {
  readonly done: number
  readonly total: number | undefined
}
export interface PathOptions extends ScanOptions {
  readonly useGitignore?: boolean | undefined
  readonly stdin?: Stream.Stream<Uint8Array, Unreadable> | undefined
}
export declare const scanPaths: (paths: ReadonlyArray<string>, options?: PathOptions) => Stream.Stream<Find, ScanError>
export declare const scanStream: <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  options?: Pick<ScanOptions, "formats"> & {
    readonly path?: string | undefined
  },
) => Stream.Stream<Find, E | ApiKeyToken.InvalidTokenConfig, R>
export declare const scanGit: (repository: string, options?: ScanOptions) => Stream.Stream<Find, ScanError>
