export declare const noteDeactivation: ({ qualified }: Table) => ReadonlyArray<string>
