export declare const announceChanges: ({ table, qualified, nodes, tell }: Table) => ReadonlyArray<string>
