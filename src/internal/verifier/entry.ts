/** A record in memory: compact, frozen, and in one object with its use and its place in the cache. */
import type * as Schema from "effect/Schema"
import { ApiKey, type ApiKeyId, type KeyId, PreviousToken, type UsedToken } from "../../ApiKey.ts"
import { beginsGrace } from "../record/previousToken.ts"
import { ofChecked } from "../schema/ofChecked.ts"
import { fromMoment, latest, toMoment } from "../time/moment.ts"
import { flat } from "./flat.ts"
import type { Plan } from "./plan.ts"
import type { Node } from "./sieve.ts"
import type { Use } from "./lastUsed.ts"

/** A record whose secret the caller has. */
export interface Found {
  readonly apiKey: ApiKey
  readonly usedToken: UsedToken
  /** The time of asking the store, in milliseconds. */
  readonly checkedAt: number
  /** The rules and meters that apply to the key. */
  readonly plan: Plan
  readonly use: Use
}

/** The part of a found record that is kept. */
export interface Kept extends Omit<Found, "use"> {
  /** The time, in milliseconds (exclusive), until which only its scopes can refuse the key. */
  readonly goodUntil: number
}

export const useOf = (id: ApiKeyId, keyId: KeyId, beginsGrace: boolean, checkedAt: number): Use => ({
  id,
  keyId,
  beginsGrace,
  lastUsedAt: toMoment(checkedAt),
  isPending: false,
})

/** An epoch that is never current. The record isn't used any more. The hash that its token's secret matched still proves the secret. */
export const outdated = -1

export class Entry implements Found, Use, Node<Entry> {
  // Fields that each verification reads come first, so that they lie in few lines of the processor's cache.
  /** The digest of the whole token, then the digest of the stored hash that its secret matched. */
  readonly proof: string
  epoch: number
  /** Moments: the time of asking the store, and the time until which only its scopes can refuse the key. */
  readonly since: number
  readonly goodUntil: number
  lastUsedAt: number
  isPending = false
  isVisited = false
  readonly plan: Plan
  readonly apiKey: ApiKey
  older: Entry | undefined = undefined
  newer: Entry | undefined = undefined

  constructor({ apiKey, checkedAt, plan, goodUntil }: Kept, proof: string, epoch: number) {
    this.apiKey = compact(apiKey)
    this.since = toMoment(checkedAt)
    // Beyond the last small moment the key's rules are asked, with the same outcome.
    this.goodUntil = goodUntil === Number.NEGATIVE_INFINITY ? this.since : Math.min(toMoment(goodUntil), latest)
    this.plan = plan
    this.proof = flat(proof)
    this.epoch = epoch
    // A use can't be earlier.
    this.lastUsedAt = this.since
  }

  // A field in the place of a getter would cost each entry 8 bytes.
  get size(): number {
    return sizeOf(this.apiKey)
  }
  get checkedAt(): number {
    return fromMoment(this.since)
  }
  get usedToken(): UsedToken {
    return this.plan.usedToken
  }
  get id(): ApiKeyId {
    return this.apiKey.id
  }
  // The record's own string. One that was cut from a token would keep the token in memory.
  get keyId(): KeyId {
    const { previous, keyId } = this.apiKey
    return this.usedToken === "previous" && previous !== null ? previous.keyId : keyId
  }
  get key(): string {
    return this.keyId
  }
  get beginsGrace(): boolean {
    return beginsGrace(this.apiKey, this.usedToken)
  }
  get use(): Use {
    return this
  }
}

/**
 * The same record, in half the memory: fields that many records have in common are shared. The record is frozen, as a change by one caller
 * would reach the others. Instants aren't frozen, as they note their parts when they are asked for.
 */
const compact = (apiKey: ApiKey): ApiKey => {
  const { createdAt, updatedAt, scopes, metadata, policies, previous } = apiKey
  // Each field is named. A copy by `...` keeps some fields in a separate object, as its source does.
  const copy = ofChecked(ApiKey, {
    id: apiKey.id,
    keyId: apiKey.keyId,
    prefix: share(prefixes, apiKey.prefix, () => flat(apiKey.prefix)),
    name: apiKey.name,
    description: apiKey.description,
    ownerId: apiKey.ownerId,
    isActive: apiKey.isActive,
    deactivatedAt: apiKey.deactivatedAt,
    deactivationReason: apiKey.deactivationReason,
    expiresAt: apiKey.expiresAt,
    createdAt,
    lastUsedAt: apiKey.lastUsedAt,
    hint: apiKey.hint,
    rotatedAt: apiKey.rotatedAt,
    version: apiKey.version,
    updatedAt: createdAt.epochMilliseconds === updatedAt.epochMilliseconds ? createdAt : updatedAt,
    scopes: shareScopes(scopes),
    metadata: isEmpty(metadata) ? none : frozenCopy(metadata),
    policies: policies === null ? null : sharePolicies(policies),
    previous: previous === null ? null : Object.freeze(ofChecked(PreviousToken, previous)),
  })
  return Object.freeze(copy)
}

const none: ApiKey["metadata"] = Object.freeze({})

// All services of the program share these values, one for each kind of keys. The values are frozen, as callers of many keys get them.
const prefixes = new Map<string, string>()
const scopeSets = new Map<string, ApiKey["scopes"]>()
const policySets = new Map<string, Schema.JsonObject>()
const maxShared = 10_000

const share = <A>(known: Map<string, A>, text: string, make: () => A): A => {
  const found = known.get(text)
  if (found !== undefined) return found
  if (known.size >= maxShared) known.clear()
  const shared = make()
  known.set(text, shared)
  return shared
}

const shareScopes = (scopes: ApiKey["scopes"]): ApiKey["scopes"] =>
  share(scopeSets, scopes.join(" "), () => Object.freeze(Array.from(scopes)))

// Long policies are most likely one key's own, and would stay in memory beyond it.
const maxSharedLength = 512

const sharePolicies = (policies: Schema.JsonObject): Schema.JsonObject => {
  const text = JSON.stringify(policies)
  return text.length > maxSharedLength ? frozenCopy(policies) : share(policySets, text, () => frozenCopy(policies))
}

/** A frozen copy of plain JSON. The store may keep the object that it gave, which stays unfrozen. */
const frozenCopy = (object: Schema.JsonObject): Schema.JsonObject =>
  Object.freeze(Object.fromEntries(Object.entries(object).map(([key, value]) => [key, frozenValue(value)])))

const frozenValue = (value: Schema.Json): Schema.Json => {
  if (typeof value !== "object" || value === null) return value
  return isArray(value) ? Object.freeze(value.map(frozenValue)) : frozenCopy(value)
}

// Unlike `Array.isArray`, it narrows the type of read-only arrays too.
const isArray = (value: Schema.JsonArray | Schema.JsonObject): value is Schema.JsonArray => Array.isArray(value)

const isEmpty = (metadata: ApiKey["metadata"]): boolean => {
  for (const _ in metadata) return false
  return true
}

const bytesOfEntry = 700
const bytesOfPrevious = 300

/** The estimated size in bytes: a share that every entry has, and the texts. */
const sizeOf = ({ name, description, ownerId, scopes, metadata, policies, previous }: ApiKey): number => {
  const texts =
    name.length + (description?.length ?? 0) + (ownerId?.length ?? 0) + scopes.reduce((sum, scope) => sum + scope.length + 24, 0)
  // Objects take several times the length of their JSON.
  const json = (isEmpty(metadata) ? 0 : JSON.stringify(metadata).length) + (policies === null ? 0 : JSON.stringify(policies).length)
  return bytesOfEntry + (previous === null ? 0 : bytesOfPrevious) + 2 * texts + 4 * json
}
