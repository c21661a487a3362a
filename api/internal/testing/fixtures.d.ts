export declare const makeStoredApiKey: (
  overrides?: Partial<ApiKey> & {
    readonly hash?: string
    readonly previousHash?: string
    readonly sealId?: string | null
    readonly previousSealId?: string | null
  },
) => StoredApiKey
