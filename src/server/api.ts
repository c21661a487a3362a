import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { ApiKey } from "../ApiKey.ts"
import { ApiKeyAuth } from "../http/ApiKeyAuth.ts"
import { ApiKeysGroup } from "../http/ApiKeysGroup.ts"
import { explain } from "../http/explain.ts"
import { LeaksGroup } from "../http/LeaksGroup.ts"

/** Shows what protecting an endpoint takes. */
class ProtectedGroup extends HttpApiGroup.make("protected")
  .add(
    HttpApiEndpoint.get("get", "/protected", { success: Schema.Struct({ message: Schema.String, apiKey: ApiKey }) }).pipe(
      explain({ summary: "Try an API key", description: "Answers with the record of the key that the request is made with." }),
    ),
  )
  .middleware(ApiKeyAuth)
  .annotate(OpenApi.Title, "Protected")
  .annotate(OpenApi.Description, "What an endpoint of an application is like that takes an API key.") {}

/**
 * What the server offers: the management group and a protected endpoint.
 * @category groups
 * @since 0.1.0
 */
export class ServerApi extends HttpApi.make("effect-api-key-server")
  .add(ApiKeysGroup, LeaksGroup, ProtectedGroup)
  .annotateMerge(
    OpenApi.annotations({
      title: "effect-api-key",
      version: "0.1.0",
      description: "Issue, verify and manage API keys",
      license: { name: "MIT", identifier: "MIT" },
      servers: [{ url: "/", description: "The server that this document is from" }],
    }),
  ) {}
