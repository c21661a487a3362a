export interface UpkeepStore
  extends Upkeep, Pick<Records, "insert" | "rotate" | "update">, Pick<LookUps, "findById">, Pick<Supports, "kinds"> {}

export declare const upkeepContract: FacetContract<UpkeepStore>
