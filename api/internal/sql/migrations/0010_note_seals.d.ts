export declare const noteSeals: ({ qualified }: Table) => ReadonlyArray<string>
