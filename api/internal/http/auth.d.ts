export interface AuthOptions extends ProxyOptions {
  readonly realm?: string | undefined
  readonly xRateLimit?: boolean | undefined
}

export declare const layerAuth: (options?: AuthOptions) => Layer.Layer<ApiKeyAuth | OptionalApiKeyAuth, never, ApiKeys>

export declare const layerRedactedHeaders: <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>,
) => Layer.Layer<never>
