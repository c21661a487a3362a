/**
 * Protects endpoints of an `HttpApi` with API keys: {@link ApiKeyAuth}, {@link requireScopes}, {@link CurrentApiKey}.
 *
 * The module is the definition, fit for a browser. `effect-api-key/http/implementation` has the layers that carry out the definition.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpApi from "effect/http-api/HttpApi"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import * as OpenApi from "effect/http-api/OpenApi"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as ApiKeyModel from "../../ApiKey.ts"
import * as Scope from "../../Scope.ts"
import {
  carry,
  type CredentialOptions,
  credentialsFrom,
  credentialsOf,
  type Place,
  redactAlso,
  securityOf,
  withCredentials,
} from "./credentials.ts"
import { goAround } from "./directly.ts"
import * as Problem from "./Problem.ts"

export type { CredentialOptions } from "./credentials.ts"

/** The key that a request was made with. @category services @since 0.1.0 */
export class CurrentApiKey extends Context.Service<CurrentApiKey, ApiKeyModel.ApiKey>()("effect-api-key/http/CurrentApiKey") {}

/** The key that a request carried, if any. @category services @since 0.1.0 */
export class OptionalApiKey extends Context.Service<OptionalApiKey, Option.Option<ApiKeyModel.ApiKey>>()(
  "effect-api-key/http/OptionalApiKey",
) {}

/**
 * Which of its key's tokens a request was made with.
 * @category services
 * @since 0.1.0
 */
export const UsedToken = Context.Reference<ApiKeyModel.UsedToken>("effect-api-key/http/UsedToken", { defaultValue: () => "current" })

/** @category schemas @since 0.1.0 */
export const authProblems = [
  Problem.InvalidRequestProblem,
  Problem.MissingApiKeyProblem,
  Problem.InvalidTokenProblem,
  Problem.InactiveProblem,
  Problem.ExpiredProblem,
  Problem.InsufficientScopeProblem,
  Problem.IpNotAllowedProblem,
  Problem.PolicyRefusedProblem,
  Problem.RateLimitedProblem,
  Problem.QuotaSpentProblem,
  Problem.ServiceUnavailableProblem,
  Problem.OverloadedProblem,
] as const

/**
 * The refusals of {@link ApiKeyAuth} and {@link OptionalApiKeyAuth}. A derived client of a protected endpoint fails with these refusals, besides
 * the endpoint's own failures.
 * @category models
 * @since 0.1.0
 */
export type AuthProblem = (typeof authProblems)[number]["Type"]

// With the names that the types of the middlewares have; `acceptCredentials` gives them others.
const security = {
  bearer: HttpApiSecurity.http({ scheme: "bearer" }),
  apiKey: HttpApiSecurity.apiKey({ key: "X-API-Key", in: "header" }),
}

/**
 * Lets a request through only with a good API key, from `Authorization: Bearer …` or `X-API-Key` unless {@link acceptCredentials} says
 * otherwise, and provides {@link CurrentApiKey}.
 *
 * The answer to a request with the token from before a rotation has `Deprecation` (RFC 9745). Once the end of that token is known, the answer
 * has `Sunset` (RFC 8594) too.
 *
 * Add it after the endpoints it is to cover: `.middleware(ApiKeyAuth)` doesn't reach those added later.
 * @category middleware
 * @since 0.1.0
 */
export class ApiKeyAuth extends HttpApiMiddleware.Service<ApiKeyAuth, { provides: CurrentApiKey }>()("effect-api-key/http/ApiKeyAuth", {
  security,
  error: authProblems,
  requiredForClient: true,
}) {
  /**
   * Makes a derived client send `token` in the first place where its api takes keys, or in the named place. `"X-API-Key"` is for a client whose
   * requests have another `Authorization`. Throws on a place that isn't written as in {@link CredentialOptions}.
   */
  static layerClient(token: Redacted.Redacted, place?: string): Layer.Layer<HttpApiMiddleware.ForClient<ApiKeyAuth>> {
    const named = place === undefined ? undefined : credentialsFrom({ accept: [place] })
    return HttpApiMiddleware.layerClient(ApiKeyAuth, ({ endpoint, next, request }) => {
      const {
        places: [first],
      } = named ?? credentialsOf(endpoint, ApiKeyAuth)
      return sendRedacted(first, next(carry(request, first, token)))
    })
  }
}

/** The client's own traces show no key either. */
const sendRedacted = <A, E, R>({ header }: Place, send: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateService(send, Headers.CurrentRedactedNames, (names) => redactAlso(names, [header]))

/**
 * As {@link ApiKeyAuth}, for endpoints where the key is optional: provides {@link OptionalApiKey}. A key that is sent must be good, and
 * one that {@link requireScopes} asks for must be sent.
 * @category middleware
 * @since 0.1.0
 */
export class OptionalApiKeyAuth extends HttpApiMiddleware.Service<OptionalApiKeyAuth, { provides: OptionalApiKey }>()(
  "effect-api-key/http/OptionalApiKeyAuth",
  { security, error: authProblems },
) {}

/**
 * Says where the requests to an api carry their keys, for all groups that the api has by then: {@link ApiKeyAuth}, {@link OptionalApiKeyAuth},
 * challenges, OpenAPI and derived clients follow. Throws on an `accept` that isn't well-formed.
 *
 * As with {@link requireScopes}, give `HttpApiBuilder.group` the same api that you serve.
 * @example
 * ```ts
 * import { HttpApi } from "effect/http-api"
 * import { acceptCredentials, ApiKeysGroup } from "effect-api-key/http/definition"
 *
 * class Api extends HttpApi.make("shop").add(ApiKeysGroup).pipe(acceptCredentials({ accept: ["Authorization: Api-Key", "X-API-Key"] })) {}
 * ```
 * @category combinators
 * @since 0.1.0
 */
export const acceptCredentials = (options: CredentialOptions) => {
  const credentials = credentialsFrom(options)
  const variants = new Map(
    [ApiKeyAuth, OptionalApiKeyAuth].map((auth) => {
      // The same service under other schemes. As a subclass it has all that its class has, which TypeScript doesn't see of one out of two.
      const variant = class extends auth {} as unknown as typeof auth
      return [auth.key, withCredentials(Object.defineProperty(variant, "security", { value: securityOf(credentials) }), credentials)]
    }),
  )
  const replace = (endpoint: HttpApiEndpoint.Top): HttpApiEndpoint.Top =>
    // Annotating with nothing makes a copy, which no other api shares.
    Object.assign(endpoint.annotateMerge(Context.empty()), { middlewares: goAround(endpoint.middlewares, variants) })
  return <A extends HttpApi.Constraint>(self: A): A =>
    // A group and its replacement have the same type.
    rebuild(self as unknown as HttpApi.Top, (group) =>
      Object.values(group.endpoints).reduce((copy: HttpApiGroup.Top, endpoint) => copy.add(replace(endpoint)), group),
    ) as unknown as A
}

/** An api of the same name and annotations whose groups are changed. A group stays a group, so the api keeps its type. */
const rebuild = (api: HttpApi.Top, change: (group: HttpApiGroup.Top) => HttpApiGroup.Top): HttpApi.Top =>
  HttpApi.make(api.identifier)
    .annotateMerge(api.annotations)
    .add(...(Object.values(api.groups).map((group) => change(group)) as unknown as [HttpApiGroup.Top])) as HttpApi.Top

// Not exported: `api.annotate(RequiredScopes, …)` would not reach the middleware and so protect nothing.
const RequiredScopes = Context.Reference<ReadonlyArray<Scope.Scope>>("effect-api-key/http/RequiredScopes", { defaultValue: () => [] })

/**
 * Requires scopes on an endpoint, a group, or all groups that an api has by then. Scopes that are required already stay required. OpenAPI shows
 * them. Throws on a scope that isn't well-formed.
 *
 * {@link ApiKeyAuth} or {@link OptionalApiKeyAuth} enforces the scopes, on the endpoint and group that the *handlers* are built from. Give
 * `HttpApiBuilder.group` the same api that you serve, and let {@link assertProtected} see to the rest.
 * @category combinators
 * @since 0.1.0
 */
export const requireScopes =
  (...scopes: ReadonlyArray<string>) =>
  <A extends HttpApi.Constraint | HttpApiGroup.Constraint | HttpApiEndpoint.Constraint>(self: A): A =>
    // An annotation changes neither the shape nor the type of its subject.
    annotate(self as unknown as Annotated, Scope.set(...scopes)) as unknown as A

/** The scopes that {@link requireScopes} put on an endpoint and its group. @category combinators @since 0.1.0 */
export const requiredScopes = (options: {
  readonly endpoint: HttpApiEndpoint.Top
  readonly group: HttpApiGroup.Top
}): ReadonlyArray<Scope.Scope> =>
  Scope.set(...Context.get(options.group.annotations, RequiredScopes), ...Context.get(options.endpoint.annotations, RequiredScopes))

/**
 * Throws if an endpoint requires scopes and has no middleware to enforce them. An endpoint added to its group after `.middleware(ApiKeyAuth)`
 * has none. Call it once with the api that you serve; `layerHandlers` does so for the api it is given.
 * @category combinators
 * @since 0.1.0
 */
export const assertProtected = <Id extends string, Groups extends HttpApiGroup.Constraint>(api: HttpApi.HttpApi<Id, Groups>): void =>
  HttpApi.reflect(api, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint, group, middleware }) => {
      const isProtected = [ApiKeyAuth, OptionalApiKeyAuth].some((auth) => Array.from(middleware).some(({ key }) => key === auth.key))
      if (!isProtected && requiredScopes({ endpoint, group }).length > 0) {
        throw new Error(`${group.identifier}.${endpoint.identifier} requires scopes, but has neither ApiKeyAuth nor OptionalApiKeyAuth`)
      }
    },
  })

type Annotated = HttpApi.Top | HttpApiGroup.Top | HttpApiEndpoint.Top

const annotate = (self: Annotated, scopes: ReadonlyArray<Scope.Scope>): Annotated => {
  if ("groups" in self) return rebuild(self, (group) => annotate(group, scopes) as HttpApiGroup.Top)
  const all = [...Context.get(self.annotations, RequiredScopes), ...scopes]
  if ("endpoints" in self) {
    let group: HttpApiGroup.Top = self.annotate(RequiredScopes, all)
    for (const endpoint of Object.values(self.endpoints)) group = group.add(showScopes(endpoint, scopes))
    return group
  }
  return showScopes(self.annotate(RequiredScopes, all), scopes)
}

/** Writes the scopes into the operation's description and its security requirements (OpenAPI 3.1 allows role names there). */
const showScopes = (endpoint: HttpApiEndpoint.Top, scopes: ReadonlyArray<string>): HttpApiEndpoint.Top => {
  const shown = Context.get(endpoint.annotations, ShownScopes)
  const latest = Context.getOrUndefined(endpoint.annotations, OpenApi.Transform)
  const all = Array.from(new Set([...shown.scopes, ...scopes])).sort()
  // All scopes are told in one sentence, whichever combinators required them.
  const before = latest === shown.transform ? shown.before : latest
  const transform: OpenApiTransform = (operation) => {
    const { security = [], description, ...rest } = before === undefined ? operation : before(operation)
    const requirements: ReadonlyArray<Record<string, ReadonlyArray<string>>> = Array.isArray(security) ? security : []
    const sentence = `Needs the scope${all.length === 1 ? "" : "s"} ${all.map((scope) => `\`${scope}\``).join(", ")}.`
    return {
      ...rest,
      description: typeof description === "string" ? `${description}\n\n${sentence}` : sentence,
      security: requirements.map((requirement) =>
        Object.fromEntries(Object.entries(requirement).map(([scheme, names]) => [scheme, Array.from(new Set([...names, ...all])).sort()])),
      ),
    }
  }
  return endpoint.annotate(OpenApi.Transform, transform).annotate(ShownScopes, { scopes: all, before, transform })
}

type OpenApiTransform = Context.Service.Shape<typeof OpenApi.Transform>

interface Shown {
  readonly scopes: ReadonlyArray<string>
  /** The endpoint's own transformation. */
  readonly before: OpenApiTransform | undefined
  readonly transform: OpenApiTransform | undefined
}

const ShownScopes = Context.Reference<Shown>("effect-api-key/http/ShownScopes", {
  defaultValue: () => ({ scopes: [], before: undefined, transform: undefined }),
})
