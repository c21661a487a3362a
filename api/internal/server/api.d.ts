declare const ProtectedGroup_base: HttpApiGroup.HttpApiGroup<
  "protected",
  HttpApiEndpoint.HttpApiEndpoint<
    "get",
    "GET",
    "/protected",
    never,
    never,
    never,
    never,
    Schema.toCodecJson<
      Schema.Struct<{
        readonly message: Schema.String
        readonly apiKey: typeof ApiKey
      }>
    >,
    never,
    ApiKeyAuth,
    never
  >,
  false
>

declare class ProtectedGroup extends ProtectedGroup_base {}

declare const ServerApi_base: HttpApi.HttpApi<"effect-api-key-server", typeof ApiKeysGroup | typeof LeaksGroup | typeof ProtectedGroup>

export declare class ServerApi extends ServerApi_base {}
