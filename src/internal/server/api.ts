import type * as Context from "effect/Context"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { ApiKey } from "../../ApiKey.ts"
import { ApiKeyAuth } from "../http/ApiKeyAuth.ts"
import { ApiKeysGroup } from "../http/ApiKeysGroup.ts"
import { explain } from "../http/explain.ts"
import { LeaksGroup } from "../http/LeaksGroup.ts"

/** An example of a protected endpoint. */
class ProtectedGroup extends HttpApiGroup.make("protected")
  .add(
    HttpApiEndpoint.get("get", "/protected", { success: Schema.Struct({ message: Schema.String, apiKey: ApiKey }) }).pipe(
      explain({ summary: "Try an API key", description: "Answers with the record of the key that the request is made with." }),
    ),
  )
  .middleware(ApiKeyAuth)
  .annotate(OpenApi.Title, "Protected")
  .annotate(OpenApi.Description, "What an endpoint of an application is like that takes an API key.") {}

const answerOf = (title: string) => ({
  description: title,
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
})

/** Answers that any request may get from the server's limits and from Node's. */
const generalAnswers = {
  408: { description: "The request took too long to arrive" },
  414: answerOf("URI too long"),
  431: { description: "The headers are too large" },
  500: answerOf("Internal server error"),
}

const GeneralProblem = Schema.Struct({ type: Schema.String, title: Schema.String, status: Schema.Int }).annotate({ identifier: "Problem" })

/** The router doesn't match a path whose parameter is too long. */
const NoSuchRouteProblem = Schema.Struct({
  type: Schema.Literal("urn:effect-api-key:problem:no-such-route"),
  title: Schema.Literal("No such route"),
  status: Schema.Literal(404),
}).annotate({ identifier: "NoSuchRouteProblem" })

/** The first example of a schema, or of the schema that it refers to. */
const exampleOf = (schema: Record<string, unknown>, schemas: Record<string, Record<string, unknown>>): unknown => {
  const { $ref, examples, enum: members } = schema
  if (typeof $ref === "string") return exampleOf(schemas[$ref.replace(/.*\//, "")] ?? {}, schemas)
  const values = examples ?? members
  return Array.isArray(values) ? values[0] : undefined
}

const completeDocument: Context.Service.Shape<typeof OpenApi.Transform> = (document) => {
  for (const path of Object.values<Record<string, OpenApi.OpenAPISpecOperation>>(document["paths"])) {
    for (const operation of Object.values(path)) {
      operation.responses = { ...operation.responses, ...generalAnswers }
      // The reference page would send the example of each parameter, so every request would be filtered.
      operation.parameters = operation.parameters.map((parameter) => {
        const value = exampleOf({ ...parameter.schema }, document["components"].schemas)
        if (parameter.required || value === undefined) return parameter
        return { ...parameter, examples: { default: { value, "x-disabled": true } } }
      })
      const notFound = operation.responses[404]?.content?.["application/problem+json"]
      if (notFound === undefined || operation.parameters.every((parameter) => parameter.in !== "path")) continue
      notFound.schema = { anyOf: [notFound.schema, { $ref: "#/components/schemas/NoSuchRouteProblem" }] }
    }
  }
  return document
}

/**
 * The groups of the server: the management group and a protected endpoint.
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
      transform: completeDocument,
      servers: [{ url: "/", description: "The server that this document is from" }],
    }),
  )
  .annotate(HttpApi.AdditionalSchemas, [GeneralProblem, NoSuchRouteProblem]) {}
