/** Finds the one credential of a request, wherever an api takes it. */
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import { MissingApiKey } from "../../ApiKeyError.ts"
import { type Credentials, headersOf, isAuthorization } from "./credentials.ts"
import * as Problem from "./Problem.ts"

/** Gives the credential, or the refusal of the request. `isToken` says whether a text has the form of a token. */
export type ReadCredential = (
  request: HttpServerRequest.HttpServerRequest,
  isToken: (text: string) => boolean,
) => string | MissingApiKey | Problem.InvalidRequestProblem

// Made once, as an error's stack costs more than all the rest.
export const missing = new MissingApiKey()
const sentTwice = new Problem.InvalidRequestProblem({ detail: "Send a header that carries a key once" })
const twoCredentials = new Problem.InvalidRequestProblem({ detail: "Send one credential, not two different ones" })

interface Door {
  readonly header: string
  readonly isAuthorization: boolean
  /** In lower case, with the space that follows them. */
  readonly schemes: ReadonlyArray<string>
  /** Whether it takes the key alone, too. */
  readonly isBare: boolean
}

export const makeReadCredential = (credentials: Credentials): ReadCredential => {
  const doors = headersOf(credentials).map((header): Door => {
    const places = credentials.places.filter((place) => place.header.toLowerCase() === header)
    return {
      header,
      isAuthorization: places.some(isAuthorization),
      schemes: places.flatMap(({ scheme }) => (scheme === undefined ? [] : [`${scheme.toLowerCase()} `])),
      isBare: places.some(({ scheme }) => scheme === undefined),
    }
  })
  const names = doors.map(({ header }) => header)
  const ignoresForeign = credentials.foreignAuthorization === "ignore"
  return ({ headers, source }, isToken) => {
    if (isSentTwice(source, names)) return sentTwice
    let ofAuthorization: string | undefined
    let ofOthers: string | undefined
    for (const door of doors) {
      const value = headers[door.header]
      if (value === undefined) continue
      const credential = readDoor(door, value)
      // A list, as which the lines of several headers may be put together on the way (RFC 9110 §5.3); tokens of ours hold no comma.
      if (value.includes(",") && isList(door, value, credential, isToken)) return sentTwice
      if (!credential) continue
      if (door.isAuthorization) ofAuthorization = credential
      else if (ofOthers === undefined) ofOthers = credential
      else if (ofOthers !== credential) return twoCredentials
    }
    if (ofAuthorization === undefined || ofOthers === undefined) return ofAuthorization ?? ofOthers ?? missing
    if (ofAuthorization === ofOthers) return ofOthers
    // A user's own token, say, which the application reads.
    return ignoresForeign && !isToken(ofAuthorization) ? ofOthers : twoCredentials
  }
}

/**
 * Node gives a single value of a header that was sent twice: of `Authorization`, the first. A proxy in front may have judged the other value.
 * Only the raw lines show both, and a web request has no raw lines.
 */
const isSentTwice = (source: object, names: ReadonlyArray<string>): boolean => {
  if (!("rawHeaders" in source) || !Array.isArray(source.rawHeaders)) return false
  const lines: ReadonlyArray<unknown> = source.rawHeaders
  // Node leaves out headers beyond 1,000 in some versions, unless told otherwise.
  if (lines.length >= maxLines) return true
  let seen = 0
  // Names and values in turn.
  for (let at = 0; at < lines.length; at += 2) {
    const name = lines[at]
    if (typeof name !== "string") continue
    for (let index = 0; index < names.length; index++) {
      if (name.length !== names[index]?.length || name.toLowerCase() !== names[index]) continue
      if (seen & (1 << index)) return true
      seen |= 1 << index
    }
  }
  return false
}

/** Names and values. */
const maxLines = 2_000

/** Whether a value with a comma holds a credential of ours and something else. Foreign schemes, such as `Digest`, have lists of their own. */
const isList = ({ schemes, isBare }: Door, value: string, credential: string | undefined, isToken: (text: string) => boolean): boolean => {
  if (credential !== undefined) return !isToken(credential)
  const elements = value.split(",").map((element) => element.trim())
  if (isBare && elements.some(isToken)) return true
  return elements.some((element) => schemes.some((scheme) => element.toLowerCase().startsWith(scheme)))
}

/** RFC 9110 §11.1: a scheme is case-insensitive, and one or more spaces follow it. An `Authorization` of another scheme is none of ours. */
const readDoor = ({ isAuthorization, schemes, isBare }: Door, value: string): string | undefined => {
  for (const scheme of schemes) if (value.slice(0, scheme.length).toLowerCase() === scheme) return value.slice(scheme.length).trim()
  if (!isBare) return undefined
  const alone = value.trim()
  return isAuthorization && alone.includes(" ") ? undefined : alone
}
