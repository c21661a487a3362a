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
