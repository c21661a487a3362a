/** Large answers that stay the same while the server runs. Each answer is compressed once, and a caller that has the answer gets 304. */
import { createHash } from "node:crypto"
import { promisify } from "node:util"
import * as zlib from "node:zlib"
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { namesTag } from "../http/preconditions.ts"

const encoders = {
  // A higher quality makes the reference page 2 % smaller and takes four times as long.
  br: (bytes: Uint8Array) =>
    promisify(zlib.brotliCompress)(bytes, {
      params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 6, [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    }),
  gzip: (bytes: Uint8Array) => promisify(zlib.gzip)(bytes),
  identity: (bytes: Uint8Array) => Promise.resolve(bytes),
}
type Encoding = keyof typeof encoders

/** A kept answer in its encodings. */
class Kept {
  readonly #encoded = new Map<Encoding, Promise<Uint8Array>>()
  readonly #bytes: Uint8Array
  readonly #digest: string
  readonly policy: string | undefined

  constructor(bytes: Uint8Array, type: string) {
    this.#bytes = bytes
    this.#digest = sha256(bytes, "base64url")
    this.policy = type.startsWith("text/html") ? policyOf(new TextDecoder().decode(bytes)) : undefined
  }

  /** The tag is strong, so each encoding has its own (RFC 9110 §8.8.3). */
  tag(encoding: Encoding): string {
    return `"${this.#digest}${encoding === "identity" ? "" : `-${encoding}`}"`
  }

  encode(encoding: Encoding): Promise<Uint8Array> {
    const known = this.#encoded.get(encoding)
    if (known !== undefined) return known
    const encoded = encoders[encoding](this.#bytes)
    this.#encoded.set(encoding, encoded)
    return encoded
  }
}

const sha256 = (content: Uint8Array | string, encoding: "base64" | "base64url") => createHash("sha256").update(content).digest(encoding)

/** A policy under which a page runs its own scripts and calls its own server alone. Styles set by scripts have no hash, so all are allowed. */
const policyOf = (html: string): string => {
  const scripts = Array.from(html.matchAll(/<script>(.*?)<\/script>/gs), ([, script = ""]) => `'sha256-${sha256(script, "base64")}'`)
  return [
    "default-src 'none'",
    ["script-src", ...scripts].join(" "),
    "style-src 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ")
}

/**
 * For routes with the same answer to each request. Effect's own compression would run for each one, a fifth of a second for the reference page.
 */
export const keepAnswers = HttpRouter.middleware((effect) => Effect.flatMap(effect, sendKept)).layer

const kept = new WeakMap<Uint8Array, Kept>()

const sendKept = Effect.fnUntraced(function* (response: HttpServerResponse.HttpServerResponse) {
  const { body, status } = response
  if (status !== 200 || body._tag !== "Uint8Array") return response
  const request = yield* HttpServerRequest.HttpServerRequest
  const answer = kept.get(body.body) ?? new Kept(body.body, body.contentType)
  kept.set(body.body, answer)
  const encoding = negotiate(request.headers["accept-encoding"] ?? "")
  const etag = answer.tag(encoding)
  const headers = {
    etag,
    vary: "Accept-Encoding",
    // The browser keeps the answer and asks each time, as the next version of the server has another one.
    "cache-control": "no-cache",
    ...(answer.policy !== undefined && { "content-security-policy": answer.policy }),
  }
  if (namesTag(request.headers["if-none-match"], etag)) return HttpServerResponse.empty({ status: 304, headers })
  const bytes = yield* Effect.promise(() => answer.encode(encoding))
  return HttpServerResponse.setBody(response, HttpBody.uint8Array(bytes, body.contentType)).pipe(
    HttpServerResponse.setHeaders({ ...headers, ...(encoding !== "identity" && { "content-encoding": encoding }) }),
  )
})

/** The smallest encoding that the caller accepts (RFC 9110 §12.5.3). */
const negotiate = (accepted: string): Encoding => {
  const weights = new Map(
    accepted
      .toLowerCase()
      .split(",")
      .map((element) => {
        const [coding = "", ...parameters] = element.split(";").map((part) => part.trim())
        const weight = parameters.find((parameter) => parameter.startsWith("q="))
        return [coding, weight === undefined ? 1 : Number(weight.slice(2))]
      }),
  )
  return (["br", "gzip"] as const).find((coding) => (weights.get(coding) ?? weights.get("*") ?? 0) > 0) ?? "identity"
}
