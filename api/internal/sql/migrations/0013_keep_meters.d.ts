export declare const keepMeters: ({ meters, meterChanges, lease }: Table) => ReadonlyArray<string>
