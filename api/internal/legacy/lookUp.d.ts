export interface PrefixOptions {
  readonly prefix?: string | ReadonlyArray<string> | undefined
}

export type Algorithm = "sha256" | "sha512"

export declare const digest: (text: string, algorithm?: Algorithm) => string

export declare const toHash: (digest: string, algorithm?: Algorithm) => Redacted.Redacted

export declare const toKeyId: (digest: string) => KeyId

export declare const readDigest: (value: unknown, algorithm?: Algorithm) => string | undefined

export declare const verify: (algorithm?: Algorithm, tail?: string) => LegacyTokens["verify"]

export declare const tokens: ({ prefix }: PrefixOptions, algorithm?: Algorithm, tail?: string) => Pick<LegacyTokens, "parse" | "verify">

export declare const isToken: (token: string) => boolean

export declare const toSecret: (text: string) => Redacted.Redacted
