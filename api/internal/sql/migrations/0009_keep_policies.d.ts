export declare const keepPolicies: ({ table, qualified, tell }: Table) => ReadonlyArray<string>
