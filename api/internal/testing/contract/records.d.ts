export interface RecordsStore extends Records, LookUps {}

export declare const recordsContract: FacetContract<RecordsStore>
