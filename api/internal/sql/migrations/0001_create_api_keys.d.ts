export declare const createApiKeys: ({ table, qualified }: Table) => ReadonlyArray<string>
