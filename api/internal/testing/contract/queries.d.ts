export interface QueriesStore extends Queries, Pick<Records, "insert" | "rotate" | "delete"> {}

export declare const queriesContract: FacetContract<QueriesStore>
