/**
 * Models the keys of a simulation: the states that records have been in, and a node's answer by each state. The rules of the library are under
 * test, so they are written here independently.
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

/** The input of a verification. */
export interface Attempt extends Token {
  readonly scopes: ReadonlyArray<string> | undefined
  readonly maxAge: number | undefined
  readonly countsAsUse: boolean
}

/** A record and the secrets of its tokens. `apiKey` is `undefined` while there is no record: before its creation and after its deletion. */
export interface Content {
  readonly apiKey: ApiKey | undefined
  readonly secret: string
  readonly previousSecret: string
}

/**
 * The content of a record between two of its changes. Moments are numbered, as many fall into one millisecond. A change happens at some moment
 * while it is written, so states overlap.
 */
export interface State extends Content {
  readonly from: number
  until: number
  /** The clock's time at `until`. */
  untilMillis: number
  /** The part of a granting answer that is the same for both tokens. */
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

/** The states and tokens of one record. */
export interface History {
  readonly id: string
  /** All states, the oldest first. There is at least one. */
  readonly states: Array<State>
  /** All tokens that the record has had, the newest last. */
  readonly tokens: Array<Token>
  readonly keyIds: Set<KeyId>
}

export const lastOf = ({ states }: History): State => states.at(-1)!

/** The last state in which the record was there. */
export const lastThere = ({ states }: History): (State & { readonly apiKey: ApiKey }) | undefined =>
  // The predicate finds only states with an `apiKey`, so the cast holds.
  states.findLast(({ apiKey }) => apiKey !== undefined) as (State & { readonly apiKey: ApiKey }) | undefined

/** A noted write. */
export interface Written {
  readonly moment: number
  readonly before: State
  readonly after: State
  /** The key ids of the record before and after the write. The answer to each may have changed. */
  readonly keyIds: ReadonlyArray<KeyId>
  /** The rule that the write broke, if any. */
  readonly wrong: string | undefined
}

export interface Records {
  readonly all: ReadonlyArray<History>
  /** Finds a record by its id, or by any key id that it has had. */
  readonly find: (idOrKeyId: string) => History | undefined
  /** The states of the record that the key id belongs to. */
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

/** The end of the previous token in milliseconds. Infinite while the grace waits for the first use of the new token. */
export const endOfPrevious = ({ previous }: ApiKey): number => {
  if (previous === null) return 0
  if (previous.expiresAt !== null) return previous.expiresAt.epochMilliseconds
  return previous.graceSeconds === null ? 0 : Number.POSITIVE_INFINITY
}

/** Whether the record was written at or after the end of its previous token. The token then stays over, even if a clock is behind. */
const isPassed = (apiKey: ApiKey): boolean => endOfPrevious(apiKey) <= apiKey.updatedAt.epochMilliseconds

export const isOver = (apiKey: ApiKey, millis: number): boolean => endOfPrevious(apiKey) <= millis || isPassed(apiKey)

/** Checks the rules that hold for every write. */
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

/**
 * Checks the end of a grace that was settled by a first use. The use lies between the first presentation of the new token and the latest time of
 * any clock.
 */
export const whatIsWrongWithEnd = ({ before, after }: Written, presentedAt: number | undefined, latest: number): string | undefined => {
  const seconds = before.apiKey?.previous?.graceSeconds
  if (before.apiKey === undefined || after.apiKey === undefined || seconds === undefined || seconds === null)
    return "settled what was settled"
  if (presentedAt === undefined) return "settled a grace without a use of the new token"
  const bound = Math.min(endOfPrevious(before.apiKey), before.apiKey.expiresAt?.epochMilliseconds ?? Number.POSITIVE_INFINITY)
  const end = endOfPrevious(after.apiKey)
  const grace = seconds * 1_000
  // `end` has whole milliseconds only.
  return end >= Math.min(Math.floor(presentedAt) + grace, bound) && end <= Math.min(latest + grace, bound)
    ? undefined
    : `settled the end of a grace of ${seconds} s at ${end}, though the new token was presented at ${presentedAt} first`
}

export const usedTokenOf = ({ apiKey }: State, keyId: KeyId): UsedToken | undefined => {
  if (apiKey?.keyId === keyId) return "current"
  return apiKey?.previous?.keyId === keyId ? "previous" : undefined
}

/** The answer of a node by a state, at a time of the node's clock. Tokens older than `maximumAge` milliseconds are refused. */
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
    case "MalformedToken":
      return `MalformedToken ${value.reason}`
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

/** The parts of a record that identify the state an answer was given by. */
export const tellAnswer = (apiKey: ApiKey): string => `version ${apiKey.version}${tellPrevious(apiKey)}`

export const tell = (apiKey: ApiKey): string => {
  const { version, isActive, keyId, scopes, policies, expiresAt, updatedAt } = apiKey
  const expiry = expiresAt?.epochMilliseconds ?? "never"
  return `version ${version} of ${updatedAt.epochMilliseconds}, ${isActive ? "active" : "inactive"}, scopes [${scopes.join(" ")}]${policies === null ? "" : `, policies ${JSON.stringify(policies)}`}, expires ${expiry}, current ${shorten(keyId)}${tellPrevious(apiKey)}`
}

export const tellAttempt = ({ keyId, secret, scopes, maxAge }: Attempt): string =>
  `${shorten(keyId)} (secret ${shorten(secret)}, scopes ${scopes?.join(" ") ?? "-"}, maxAge ${maxAge ?? "-"})`

/** The first characters, which tell the few texts of a history apart. */
export const shorten = (text: string): string => text.slice(0, 4)
