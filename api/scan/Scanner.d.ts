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

// internal/scan/ScanError.d.ts
declare const PathNotFound_base: Schema.Class<
  PathNotFound,
  Schema.TaggedStruct<
    "PathNotFound",
    {
      readonly path: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class PathNotFound extends PathNotFound_base {
  get message(): string
}

declare const Unreadable_base: Schema.Class<
  Unreadable,
  Schema.TaggedStruct<
    "Unreadable",
    {
      readonly path: Schema.String
      readonly code: Schema.String
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class Unreadable extends Unreadable_base {
  get message(): string
}

declare const NotARepository_base: Schema.Class<
  NotARepository,
  Schema.TaggedStruct<
    "NotARepository",
    {
      readonly path: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class NotARepository extends NotARepository_base {
  get message(): string
}

declare const GitMissing_base: Schema.Class<GitMissing, Schema.TaggedStruct<"GitMissing", {}>, import("effect/Cause").YieldableError>

export declare class GitMissing extends GitMissing_base {
  get message(): string
}

declare const GitFailed_base: Schema.Class<
  GitFailed,
  Schema.TaggedStruct<
    "GitFailed",
    {
      readonly path: Schema.String
      readonly command: Schema.String
      readonly exitCode: Schema.Int
      readonly reason: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class GitFailed extends GitFailed_base {
  get message(): string
}

declare const ShallowRepository_base: Schema.Class<
  ShallowRepository,
  Schema.TaggedStruct<
    "ShallowRepository",
    {
      readonly path: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class ShallowRepository extends ShallowRepository_base {
  get message(): string
}

export type ScanError = PathNotFound | Unreadable | NotARepository | GitMissing | GitFailed | InvalidTokenConfig

export type ScanProblem = Unreadable | GitMissing | GitFailed | ShallowRepository

// internal/scan/encoding.d.ts
export type Encoding = "utf-8" | "utf-16le" | "utf-16be"
