export declare const rememberReports: ({ reports }: Table) => ReadonlyArray<string>
