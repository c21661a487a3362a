/**
 * The places where a request carries its key: headers, and schemes in them. The module is the definition's half, fit for a browser: the
 * notation, OpenAPI and derived clients.
 */
import * as Context from "effect/Context"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Headers from "effect/http/Headers"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Redacted from "effect/Redacted"

/**
 * The headers in which a key is taken, and the treatment of an `Authorization` without a key.
 * @category models
 * @since 0.1.0
 */
export interface CredentialOptions {
  /**
   * Each a header that holds the key (`"X-API-Key"`), or one that holds it after a scheme (`"Authorization: Bearer"`). Names are in any case,
   * of letters, digits, `-` and `_`; up to 16 places. Derived clients use the first one. Default: `Authorization: Bearer` and `X-API-Key`.
   */
  readonly accept?: ReadonlyArray<string> | undefined
  /**
   * The treatment of an `Authorization` that hasn't the form of a key, beside a key in another header. `ignore` takes the header for a user's
   * own token. `refuse` takes the request for one with two credentials, and answers 400. Default: `ignore`.
   */
  readonly foreignAuthorization?: "ignore" | "refuse" | undefined
}

/** A place where a key may be, in the spelling of the options. */
export interface Place {
  readonly header: string
  /** Absent where the header holds the key alone. */
  readonly scheme: string | undefined
}

export interface Credentials {
  readonly places: readonly [Place, ...ReadonlyArray<Place>]
  readonly foreignAuthorization: "ignore" | "refuse"
}

/** Places there may be. */
const maxPlaces = 16

const name = "[A-Za-z][A-Za-z0-9_-]{0,63}"
const notation = new RegExp(`^(${name})(?:: *(${name}))?$`)

const parsePlace = (text: string): Place | undefined => {
  const [, header, scheme] = notation.exec(text) ?? []
  return header === undefined ? undefined : { header, scheme }
}

const identify = ({ header, scheme = "" }: Place): string => `${header}:${scheme}`.toLowerCase()

/** Gives `undefined` for no text, for a malformed text, for a place named twice, and for too many places. */
export const parsePlaces = (texts: ReadonlyArray<string>): Credentials["places"] | undefined => {
  const [first, ...rest] = texts.flatMap((text) => parsePlace(text) ?? [])
  if (first === undefined || rest.length + 1 !== texts.length || texts.length > maxPlaces) return undefined
  const places = [first, ...rest] as const
  return new Set(places.map(identify)).size === places.length ? places : undefined
}

/** The notation of a place, as {@link CredentialOptions} takes it. */
export const formatPlace = ({ header, scheme }: Place): string => (scheme === undefined ? header : `${header}: ${scheme}`)

export const credentialsFrom = ({
  accept = ["Authorization: Bearer", "X-API-Key"],
  foreignAuthorization = "ignore",
}: CredentialOptions): Credentials => {
  const places = parsePlaces(accept)
  if (places === undefined) {
    throw new Error(
      `accept must be headers that differ, each with its scheme if it has one, such as ["Authorization: Bearer", "X-API-Key"]; found ${JSON.stringify(accept)}`,
    )
  }
  return { places, foreignAuthorization }
}

const defaults = credentialsFrom({})
const ofMiddleware = new WeakMap<object, Credentials>()

/** Notes where a middleware takes keys. */
export const withCredentials = <A extends object>(middleware: A, credentials: Credentials): A => {
  ofMiddleware.set(middleware, credentials)
  return middleware
}

/** Where an endpoint takes keys: as the middleware says that it was given under this key. */
export const credentialsOf = ({ middlewares }: HttpApiEndpoint.Top, { key }: { readonly key: string }): Credentials => {
  for (const middleware of middlewares) if (middleware.key === key) return ofMiddleware.get(middleware) ?? defaults
  return defaults
}

export const isAuthorization = ({ header }: Place): boolean => header.toLowerCase() === "authorization"

/** The headers' names in lower case, each once. */
export const headersOf = (credentials: Credentials): ReadonlyArray<string> => varyOf(credentials).map((header) => header.toLowerCase())

/**
 * The instruction to caches for answers to keys (RFC 9111 §5.2.2), unless a handler says otherwise: for a group, an annotation.
 */
export const CacheControl = Context.Reference<"private" | "no-store">("effect-api-key/http/CacheControl", { defaultValue: () => "private" })

/** The headers by whose values answers differ, in the spelling of the options. */
export const varyOf = ({ places }: Credentials): ReadonlyArray<string> =>
  places
    .map(({ header }) => header)
    .filter((header, at, all) => all.findIndex((each) => each.toLowerCase() === header.toLowerCase()) === at)

/** The schemes of OpenAPI, by the names that its documents call them. */
export const securityOf = ({ places }: Credentials): Record<string, HttpApiSecurity.HttpApiSecurity> =>
  Object.fromEntries(places.map((place) => [securityName(place), securityScheme(place)]))

const usualNames: Readonly<Record<string, string>> = { "authorization:bearer": "bearer", "x-api-key:": "apiKey" }

const securityName = (place: Place): string =>
  usualNames[identify(place)] ?? [place.header, ...(place.scheme === undefined ? [] : [place.scheme])].join(".").toLowerCase()

const securityScheme = (place: Place): HttpApiSecurity.HttpApiSecurity => {
  const { header, scheme } = place
  if (scheme === undefined) return HttpApiSecurity.apiKey({ key: header, in: "header" })
  // A scheme means the same in any case (RFC 9110 §11.1), but reference pages know this one in lower case alone.
  if (isAuthorization(place)) return HttpApiSecurity.http({ scheme: scheme.toLowerCase() === "bearer" ? "bearer" : scheme })
  // OpenAPI knows schemes of `Authorization` alone.
  return HttpApiSecurity.annotate(HttpApiSecurity.apiKey({ key: header, in: "header" }), OpenApi.Description, `\`${scheme} \` and the key`)
}

/** Puts a token in its place. */
export const carry = (request: HttpClientRequest.HttpClientRequest, { header, scheme }: Place, token: Redacted.Redacted) =>
  HttpClientRequest.setHeader(request, header, scheme === undefined ? Redacted.value(token) : `${scheme} ${Redacted.value(token)}`)

/** The names of headers that logs and traces don't show, with those that carry keys among them. */
export const redactAlso = (names: ReadonlyArray<string | RegExp>, headers: ReadonlyArray<string>): ReadonlyArray<string | RegExp> => [
  ...names,
  ...headers.filter((header) => !Headers.isRedactedName(header, names)),
]
