/**
 * What a simulation takes to be possible: the states that records have been in, and what a node may answer by one of them. The rules are said
 * here anew, as those of the library are under test.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { ApiKey, KeyId, UsedToken } from "../../../ApiKey.ts"
import { isUnknownPolicy, type VerifyError } from "../../../ApiKeyError.ts"
import type * as ApiKeys from "../../../ApiKeys.ts"
import { refusalOf } from "./policies.ts"

export interface Token {
  readonly keyId: KeyId
  readonly secret: string
}

/** A verification that is asked for. */
export interface Attempt extends Token {
  readonly scopes: ReadonlyArray<string> | undefined
  readonly maxAge: number | undefined
  readonly countsAsUse: boolean
}

/** A record and the secrets of its tokens. A record that is gone, or isn't there yet, has none. */
export interface Content {
  readonly apiKey: ApiKey | undefined
  readonly secret: string
  readonly previousSecret: string
}

/**
 * What a record was between two of its changes. Moments are numbered, as many fall into one millisecond. A change happens at some moment while
 * it is written, so states overlap.
 */
export interface State extends Content {
  readonly from: number
  until: number
  /** The clock's time then. */
  untilMillis: number
  /** The answer to a token of it that is let in, but for which token it is. */
  readonly text: string
}

const gone: Content = { apiKey: undefined, secret: "", previousSecret: "" }

const stateOf = (content: Content, from: number): State => ({
  ...content,
  from,
  until: Number.POSITIVE_INFINITY,
  untilMillis: Number.POSITIVE_INFINITY,
  text: content.apiKey === undefined ? "gone" : tellAnswer(content.apiKey),
})

/** What has become of one record. */
export interface History {
  readonly id: string
  /** The oldest first. There is one at least. */
  readonly states: Array<State>
  /** All tokens that it has had, the newest last. */
  readonly tokens: Array<Token>
  readonly keyIds: Set<KeyId>
}

export const lastOf = ({ states }: History): State => states.at(-1)!

/** The last state in which the record was there. */
export const lastThere = ({ states }: History): (State & { readonly apiKey: ApiKey }) | undefined =>
  // The condition says so.
  states.findLast(({ apiKey }) => apiKey !== undefined) as (State & { readonly apiKey: ApiKey }) | undefined

/** A write, as it was noted. */
export interface Written {
  readonly moment: number
  readonly before: State
  readonly after: State
  /** All that lead, or led, to the record: as each answer to one of them may be another now. */
  readonly keyIds: ReadonlyArray<KeyId>
  /** What the store broke by it, if anything. */
  readonly wrong: string | undefined
}

export interface Records {
  readonly all: ReadonlyArray<History>
  /** By its id, or by any key id that ever led to it. */
  readonly find: (idOrKeyId: string) => History | undefined
  /** The states in which what the key id leads to has been. */
  readonly statesOf: (keyId: string) => ReadonlyArray<State>
  readonly write: (id: string, content: Content | undefined, begun: number, moment: number, millis: number) => Written
}

export const makeRecords = (): Records => {
  const all: Array<History> = []
  const byName = new Map<string, History>()
  const nowhere = [stateOf(gone, 0)]

  const begin = (id: string): History => {
    const history: History = { id, states: [stateOf(gone, 0)], tokens: [], keyIds: new Set() }
    all.push(history)
    byName.set(id, history)
    return history
  }

  const write: Records["write"] = (id, content = gone, begun, moment, millis) => {
    const history = byName.get(id) ?? begin(id)
    const before = lastOf(history)
    const after = stateOf(content, begun)
    before.until = moment
    before.untilMillis = millis
    history.states.push(after)
    const { apiKey, secret } = content
    const isKnown = history.tokens.some((token) => token.keyId === apiKey?.keyId && token.secret === secret)
    if (apiKey !== undefined && !isKnown) history.tokens.push({ keyId: apiKey.keyId, secret })
    const keyIds = Array.from(new Set([...keyIdsOf(before), ...keyIdsOf(after)]))
    for (const keyId of keyIds) {
      history.keyIds.add(keyId)
      byName.set(keyId, history)
    }
    const wrong = before.apiKey === undefined || apiKey === undefined ? undefined : whatIsWrong(before.apiKey, apiKey)
    return { moment, before, after, keyIds, wrong }
  }

  return { all, find: (name) => byName.get(name), statesOf: (keyId) => byName.get(keyId)?.states ?? nowhere, write }
}

const keyIdsOf = ({ apiKey }: State): ReadonlyArray<KeyId> => {
  if (apiKey === undefined) return []
  return apiKey.previous === null ? [apiKey.keyId] : [apiKey.keyId, apiKey.previous.keyId]
}

/** In milliseconds: infinite while it waits for the first use of the token after it. */
export const endOfPrevious = ({ previous }: ApiKey): number => {
  if (previous === null) return 0
  if (previous.expiresAt !== null) return previous.expiresAt.epochMilliseconds
  return previous.graceSeconds === null ? 0 : Number.POSITIVE_INFINITY
}

/** Whether a write that was made after the end has made it a fact, whatever a clock says. */
const isPassed = (apiKey: ApiKey): boolean => endOfPrevious(apiKey) <= apiKey.updatedAt.epochMilliseconds

export const isOver = (apiKey: ApiKey, millis: number): boolean => endOfPrevious(apiKey) <= millis || isPassed(apiKey)

/** What no write may do, whichever it is. */
const whatIsWrong = (before: ApiKey, after: ApiKey): string | undefined => {
  const { previous } = after
  const isRotated = after.keyId !== before.keyId
  if (isRotated) return previous?.keyId === before.keyId ? undefined : "a rotation forgot the token that it replaced"
  if (previous?.keyId !== before.previous?.keyId) return "a previous token came or went without a rotation"
  if (endOfPrevious(after) > endOfPrevious(before)) return "the end of a previous token was put off"
  if (isPassed(before) && !isPassed(after)) return "the end of a previous token that was a fact is none any more"
  const isSettled = previous?.graceSeconds !== before.previous?.graceSeconds && after.version === before.version
  return isSettled || after.version === before.version + 1 ? undefined : `version ${before.version} became ${after.version}`
}

/** A grace that waited was settled, by a use since the new token was first presented, up to the latest time of any clock. */
export const whatIsWrongWithEnd = ({ before, after }: Written, presentedAt: number | undefined, latest: number): string | undefined => {
  const seconds = before.apiKey?.previous?.graceSeconds
  if (before.apiKey === undefined || after.apiKey === undefined || seconds === undefined || seconds === null)
    return "settled what was settled"
  if (presentedAt === undefined) return "settled a grace without a use of the new token"
  const bound = Math.min(endOfPrevious(before.apiKey), before.apiKey.expiresAt?.epochMilliseconds ?? Number.POSITIVE_INFINITY)
  const end = endOfPrevious(after.apiKey)
  const grace = seconds * 1_000
  // Dates have whole milliseconds only.
  return end >= Math.min(Math.floor(presentedAt) + grace, bound) && end <= Math.min(latest + grace, bound)
    ? undefined
    : `settled the end of a grace of ${seconds} s at ${end}, though the new token was presented at ${presentedAt} first`
}

export const usedTokenOf = ({ apiKey }: State, keyId: KeyId): UsedToken | undefined => {
  if (apiKey?.keyId === keyId) return "current"
  return apiKey?.previous?.keyId === keyId ? "previous" : undefined
}

/** The answer by a state, at a time of the node's clock. Tokens are refused at `maximumAge`, in milliseconds, and keys by their policies. */
export const answerOf = (
  state: State,
  given: Attempt,
  millis: number,
  { maximumAge, knowsNewer }: { readonly maximumAge: number; readonly knowsNewer: boolean },
): string => {
  const { apiKey } = state
  const usedToken = usedTokenOf(state, given.keyId)
  if (apiKey === undefined || usedToken === undefined) return "NotFound"
  if ((usedToken === "current" ? state.secret : state.previousSecret) !== given.secret) return "InvalidSecret"
  if (!apiKey.isActive) return "Inactive"
  const expiry = apiKey.expiresAt?.epochMilliseconds
  if (expiry !== undefined && expiry <= millis) return `Expired ${expiry}`
  const endOfAge = (apiKey.rotatedAt ?? apiKey.createdAt).epochMilliseconds + maximumAge
  const end = usedToken === "previous" ? Math.min(endOfPrevious(apiKey), endOfAge) : endOfAge
  if (end <= millis || (usedToken === "previous" && isPassed(apiKey))) return `Expired ${end}`
  if (given.scopes?.some((scope) => !apiKey.scopes.some((held) => held === scope))) return `InsufficientScope ${apiKey.scopes.join(" ")}`
  return refusalOf(apiKey, millis, knowsNewer) ?? `${usedToken} of ${state.text}`
}

export const describe = (exit: Exit.Exit<ApiKeys.Verified, VerifyError>): string => {
  if (Exit.isSuccess(exit)) return `${exit.value.usedToken} of ${tellAnswer(exit.value.apiKey)}`
  const error = Cause.findErrorOption(exit.cause)
  if (Option.isNone(error)) return Cause.pretty(exit.cause)
  const { value } = error
  switch (value._tag) {
    case "Expired":
      return `Expired ${value.expiresAt.epochMilliseconds}`
    case "InsufficientScope":
      return `InsufficientScope ${value.granted.join(" ")}`
    case "PolicyRefused":
      return `PolicyRefused ${value.kind}`
    case "RepositoryError":
      return isUnknownPolicy(value) ? "UnknownPolicy" : "RepositoryError"
    default:
      return value._tag
  }
}

const tellPrevious = ({ previous }: ApiKey): string => {
  if (previous === null) return ""
  const { keyId, expiresAt, graceSeconds } = previous
  const waits = graceSeconds === null ? "" : `, or ${graceSeconds} s after a use`
  return `, previous ${shorten(keyId)} until ${expiresAt?.epochMilliseconds ?? "whenever"}${waits}`
}

/** All of a record that an answer depends on and that changes with its version, or with a use. */
export const tellAnswer = (apiKey: ApiKey): string => `version ${apiKey.version}${tellPrevious(apiKey)}`

export const tell = (apiKey: ApiKey): string => {
  const { version, isActive, keyId, scopes, policies, expiresAt, updatedAt } = apiKey
  const expiry = expiresAt?.epochMilliseconds ?? "never"
  return `version ${version} of ${updatedAt.epochMilliseconds}, ${isActive ? "active" : "inactive"}, scopes [${scopes.join(" ")}]${policies === null ? "" : `, policies ${JSON.stringify(policies)}`}, expires ${expiry}, current ${shorten(keyId)}${tellPrevious(apiKey)}`
}

export const tellAttempt = ({ keyId, secret, scopes, maxAge }: Attempt): string =>
  `${shorten(keyId)} (secret ${shorten(secret)}, scopes ${scopes?.join(" ") ?? "-"}, maxAge ${maxAge ?? "-"})`

/** Enough to tell the few of a history apart. */
export const shorten = (text: string): string => text.slice(0, 4)
