export declare const notePeppers: ({ peppers }: Table) => ReadonlyArray<string>
