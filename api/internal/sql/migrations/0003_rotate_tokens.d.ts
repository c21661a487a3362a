export declare const rotateTokens: ({ table, qualified, tell }: Table) => ReadonlyArray<string>
