export type FacetContract<Store> = <E>(name: string, store: Effect.Effect<Store, E, Scope>) => void
