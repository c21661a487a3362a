export type OwnerRule = string | ReadonlyArray<string> | ((row: Readonly<Record<string, unknown>>) => string | null)
