export interface UpkeepStore extends Upkeep, Pick<Records, "insert" | "rotate" | "update">, Pick<LookUps, "findById"> {}

export declare const upkeepContract: FacetContract<UpkeepStore>
