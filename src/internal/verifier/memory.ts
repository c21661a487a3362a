/**
 * Remembers records of good tokens, and refused tokens. An answer from here is the answer that the store would give. It is used while it is
 * young and changes are heard, and until its key changes.
 */
import type { KeyId } from "../../ApiKey.ts"
import type { InvalidSecret, NotFound } from "../../ApiKeyError.ts"
import * as ApiKeyToken from "../../ApiKeyToken.ts"
import { setBounded } from "../collection/bounded.ts"
import { sha256, startsWithDigest } from "../hash/digest.ts"
import type { Doubts } from "../nodes/doubts.ts"
import { beginsGrace } from "../record/previousToken.ts"
import { fromMoment } from "../time/moment.ts"
import type { Settings } from "./cacheSettings.ts"
import type { Credentials } from "./credential.ts"
import { Entry, type Found, type Kept, outdated, useOf } from "./entry.ts"
import * as Generations from "./generations.ts"
import type { LastUsed } from "./lastUsed.ts"
import { Sieve } from "./sieve.ts"
import * as Trust from "./trust.ts"

export interface Memory {
  readonly trust: Trust.Trust
  readonly generations: Generations.Generations
  /** The entry under a key id, or seldom another one. The digest of the entry's token tells them apart. */
  readonly at: (keyId: string) => Entry | undefined
  /** The name under which a token is remembered, which can't be turned back. `undefined` for a text of which nothing is remembered. */
  readonly digestOf: (text: string, isOwn: boolean) => string | undefined
  /**
   * The record of a good token, if it may be used. It is kept under the token's key id, or under the key id that `keepKeyId` noted.
   * `probable` is the answer of `at`.
   */
  readonly find: (digest: string, keyId: string | undefined, probable: Entry | undefined, now: number, maxAge: number) => Entry | undefined
  readonly findRefusal: (digest: string, now: number) => NotFound | InvalidSecret | undefined
  /** The digest of the stored hash that this very token has matched. It holds even if the record may have changed. */
  readonly provenHash: (digest: string, keyId: string) => string | undefined
  /** Keeps a found record. If it may have changed since, only its proof is used. */
  readonly keep: (found: Kept, digest: string, hashDigest: string, mayBeUsed: boolean) => Found
  readonly keepRefusal: (
    digest: string,
    error: NotFound | InvalidSecret,
    keyIds: ReadonlyArray<string>,
    generation: number,
    now: number,
  ) => void
  /** Keeps the key id under which the record of another system's token was found. */
  readonly keepKeyId: (digest: string, keyId: KeyId) => void
  /** Called when the key has changed. Nothing that is remembered of it is used any more. */
  readonly changed: (keyId: string) => void
  /** Called when the record has changed, under any key id by which it is remembered. */
  readonly recordChanged: (id: string) => void
  readonly everythingChanged: () => void
  readonly size: () => number
}

export interface Dependencies {
  readonly settings: Settings
  readonly credentials: Pick<Credentials, "hasOthers">
  readonly lastUsed: LastUsed
  /** The records that may be changing. Nothing that is remembered of them is used. */
  readonly doubts: Pick<Doubts, "isEmpty" | "has">
}

interface Refusal {
  readonly error: NotFound | InvalidSecret
  /** The key ids that the token may stand for. */
  readonly keyIds: ReadonlyArray<string>
  readonly generation: number
  readonly until: number
}

export const make = ({ settings, credentials: { hasOthers }, lastUsed, doubts }: Dependencies): Memory => {
  const entries = new Sieve<Entry>(settings, (entry) => {
    // The entry's use may wait long to be written, and mustn't keep the record in memory meanwhile.
    if (entry.isPending) lastUsed.record(useOf(entry.id, entry.keyId, entry.beginsGrace, entry.checkedAt), fromMoment(entry.lastUsedAt))
  })
  const refusals = new Map<string, Refusal>()
  /** The key ids of other systems' tokens, by the token's digest. */
  const keyIds = new Map<string, KeyId>()
  const generations = Generations.make()
  const digest = settings.entries > 0 ? sha256 : undefined
  let epoch = 0

  const everythingChanged = (): void => {
    epoch++
    generations.everythingChanged()
  }
  const trust = Trust.make(settings.timeToLive, everythingChanged)

  const isFresh = (entry: Entry, now: number, maxAge: number): boolean =>
    entry.epoch === epoch && trust.isYoung(entry.checkedAt, now, maxAge) && (doubts.isEmpty() || !doubts.has(entry.apiKey.id))

  const findOther = (digest: string): Entry | undefined => {
    const keyId = hasOthers ? keyIds.get(digest) : undefined
    return keyId === undefined ? undefined : entries.get(keyId)
  }

  return {
    trust,
    generations,
    at: (keyId) => entries.probable(keyId),
    digestOf: (text, isOwn) => {
      if (digest === undefined || text.length > ApiKeyToken.maxTokenLength) return undefined
      // A text that isn't well-formed has the digest of another one. Both may be tokens of other systems. Neither is one of our format.
      return (hasOthers ? text.isWellFormed() : isOwn) ? digest(text) : undefined
    },
    find: (digest, keyId, probable, now, maxAge) => {
      let entry = probable ?? findOther(digest)
      if (entry === undefined) return undefined
      if (!startsWithDigest(entry.proof, digest)) {
        const exact = probable === undefined || keyId === undefined ? undefined : entries.get(keyId)
        if (exact === undefined || exact === probable || !startsWithDigest(exact.proof, digest)) return undefined
        entry = exact
      }
      if (!isFresh(entry, now, maxAge)) return undefined
      entry.isVisited = true
      return entry
    },
    findRefusal: (digest, now) => {
      const known = refusals.get(digest)
      if (known === undefined || !trust.isTrusted(now)) return undefined
      return now < known.until && known.generation === generations.ofAll(known.keyIds) ? known.error : undefined
    },
    provenHash: (digest, keyId) => {
      const known = entries.get(keyId)
      return known !== undefined && startsWithDigest(known.proof, digest) ? known.proof.slice(digest.length) : undefined
    },
    keep: (found, digest, hashDigest, mayBeUsed) => {
      const entry = new Entry(found, digest + hashDigest, mayBeUsed ? epoch : outdated)
      entries.set(entry)
      // A record that is too large for the cache isn't kept by its use either.
      return entries.get(entry.key) === entry ? entry : detached(entry)
    },
    keepRefusal: (digest, error, keyIds, generation, now) => {
      if (settings.refusals > 0) {
        setBounded(refusals, settings.refusals, digest, { error, keyIds, generation, until: now + settings.refusalTimeToLive })
      }
    },
    keepKeyId: (digest, keyId) => setBounded(keyIds, settings.entries, digest, keyId),
    changed: (keyId) => {
      generations.changed(keyId)
      const entry = entries.get(keyId)
      if (entry !== undefined) entry.epoch = outdated
    },
    recordChanged: (id) => {
      for (const entry of entries.values()) if (entry.apiKey.id === id) entry.epoch = outdated
      // A look-up under way doesn't know its record yet, so all look-ups begin anew.
      generations.everythingChanged()
    },
    everythingChanged,
    size: () => entries.size,
  }
}

const detached = ({ apiKey, usedToken, checkedAt, plan, id, keyId }: Entry): Found => ({
  apiKey,
  usedToken,
  checkedAt,
  plan,
  use: useOf(id, keyId, beginsGrace(apiKey, usedToken), checkedAt),
})
