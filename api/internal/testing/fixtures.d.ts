export declare const makeStoredApiKey: (
  overrides?: Partial<ApiKey> & {
    readonly hash?: string
    readonly previousHash?: string
  },
) => StoredApiKey
