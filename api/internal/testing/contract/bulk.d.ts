export interface BulkStore extends Bulk, Pick<Records, "insert" | "rotate" | "delete">, Pick<LookUps, "findById"> {}

export declare const bulkContract: FacetContract<BulkStore>
