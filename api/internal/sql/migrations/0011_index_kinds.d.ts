export declare const indexKinds: ({ table, qualified }: Table) => ReadonlyArray<string>
