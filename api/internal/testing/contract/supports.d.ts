export declare const supportsContract: FacetContract<Supports>
