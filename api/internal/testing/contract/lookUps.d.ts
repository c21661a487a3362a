export interface LookUpsStore extends LookUps, Pick<Records, "insert" | "delete"> {}

export declare const lookUpsContract: FacetContract<LookUpsStore>
