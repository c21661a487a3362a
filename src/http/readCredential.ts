/** Finds the one credential of a request, wherever an api takes it. */
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import { MissingApiKey } from "../ApiKeyError.ts"
import { type Credentials, headersOf, isAuthorization } from "./credentials.ts"
import * as Problem from "./Problem.ts"

/** Gives the credential, or what is wrong. `isToken` says whether a text has the form of a token. */
export type ReadCredential = (
  request: HttpServerRequest.HttpServerRequest,
  isToken: (text: string) => boolean,
) => string | MissingApiKey | Problem.InvalidRequestProblem

// Made once, as an error's stack costs more than all the rest.
export const missing = new MissingApiKey()
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
  const ignoresForeign = credentials.foreignAuthorization === "ignore"
  return ({ headers }, isToken) => {
    let ofAuthorization: string | undefined
    let ofOthers: string | undefined
    for (const door of doors) {
      const credential = readDoor(door, headers[door.header])
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

/** RFC 9110 §11.1: a scheme is case-insensitive, and one or more spaces follow it. An `Authorization` of another scheme is none of ours. */
const readDoor = ({ isAuthorization, schemes, isBare }: Door, value: string | undefined): string | undefined => {
  if (value === undefined) return undefined
  for (const scheme of schemes) if (value.slice(0, scheme.length).toLowerCase() === scheme) return value.slice(scheme.length).trim()
  if (!isBare) return undefined
  const alone = value.trim()
  return isAuthorization && alone.includes(" ") ? undefined : alone
}
