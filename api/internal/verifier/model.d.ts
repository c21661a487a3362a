export interface VerifyOptions {
  readonly scopes?: ReadonlyArray<string> | undefined
  readonly maxAge?: Duration.Input | undefined
  readonly countsAsUse?: boolean | undefined
  readonly cost?: number | undefined
  readonly address?: string | undefined
}

export interface Verified {
  readonly apiKey: ApiKey
  readonly usedToken: UsedToken
  readonly checkedAt: DateTime.Utc
  readonly limits: ReadonlyArray<LimitState>
}
