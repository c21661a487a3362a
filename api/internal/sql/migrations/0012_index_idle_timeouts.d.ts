export declare const indexIdleTimeouts: ({ table, qualified }: Table) => ReadonlyArray<string>
