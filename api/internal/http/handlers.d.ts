export declare const layerHandlers: <ApiId extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<ApiId, Groups>,
) => Layer.Layer<HttpApiGroup.Service<ApiId, "apiKeys">, never, ApiKeys | ApiKeyAuth | RequestProblems>
