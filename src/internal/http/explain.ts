/** Explains an operation to people, in the OpenAPI document. */
import type * as Context from "effect/Context"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as OpenApi from "effect/http-api/OpenApi"
import type * as Schema from "effect/Schema"

interface Explanation {
  /** In a few words, as a heading. */
  readonly summary: string
  readonly description: string
  /** An example of a request's body on the wire. */
  readonly example?: Schema.Json | undefined
}

/** Explains an endpoint. Scopes that it requires are told by `requireScopes`. */
export const explain =
  ({ summary, description, example }: Explanation) =>
  <Endpoint extends HttpApiEndpoint.Constraint>(endpoint: Endpoint): Endpoint => {
    // An annotation changes neither the shape nor the type of its subject.
    const explained = (endpoint as unknown as HttpApiEndpoint.Top)
      .annotate(OpenApi.Summary, summary)
      .annotate(OpenApi.Description, description)
    return (example === undefined ? explained : explained.annotate(OpenApi.Transform, withExample(example))) as unknown as Endpoint
  }

const withExample =
  (example: Schema.Json): Context.Service.Shape<typeof OpenApi.Transform> =>
  ({ requestBody, ...operation }) => ({
    ...operation,
    requestBody: { ...requestBody, content: { "application/json": { ...requestBody.content["application/json"], example } } },
  })
