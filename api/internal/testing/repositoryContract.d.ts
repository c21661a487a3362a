export declare const repositoryContract: <E>(name: string, layer: Layer.Layer<ApiKeyRepository, E>) => void
