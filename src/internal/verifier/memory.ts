/**
 * Remembers records of good tokens, and refused tokens. An answer from here is what the store would have given: it is used while it is young,
 * while changes are heard, and until a change of its key is.
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
  /** What is kept under a key id, most likely: the digest of its token tells. */
  readonly at: (keyId: string) => Entry | undefined
  /** The name of a token in here, which can't be turned back; `undefined` where nothing is remembered of such a text. */
  readonly digestOf: (text: string, isOwn: boolean) => string | undefined
  /**
   * The record of a good token, if it may be used: the one that is kept under its key id, or that of another system's token. `probable` is what `at`
   * gave.
   */
  readonly find: (digest: string, keyId: string | undefined, probable: Entry | undefined, now: number, maxAge: number) => Entry | undefined
  readonly findRefusal: (digest: string, now: number) => NotFound | InvalidSecret | undefined
  /** The digest of the stored hash that this very token has matched. It holds also where the record may have changed. */
  readonly provenHash: (digest: string, keyId: string) => string | undefined
  /** Keeps a found record, for its use too unless it may have changed since. */
  readonly keep: (found: Kept, digest: string, hashDigest: string, mayBeUsed: boolean) => Found
  readonly keepRefusal: (
    digest: string,
    error: NotFound | InvalidSecret,
    keyIds: ReadonlyArray<string>,
    generation: number,
    now: number,
  ) => void
  /** Keeps under which key id the record of another system's token was found. */
  readonly keepKeyId: (digest: string, keyId: KeyId) => void
  /** The key has changed: nothing that is remembered of it is used. */
  readonly changed: (keyId: string) => void
  /** The record has changed, by whichever key id it is remembered. */
  readonly recordChanged: (id: string) => void
  readonly everythingChanged: () => void
  readonly size: () => number
}

export interface Dependencies {
  readonly settings: Settings
  readonly credentials: Pick<Credentials, "hasOthers">
  readonly lastUsed: LastUsed
  /** The records that may be changing: nothing of them is used. */
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
    // Its use may wait long to be written, and mustn't keep the record in memory meanwhile.
    if (entry.isPending) lastUsed.record(useOf(entry.id, entry.keyId, entry.beginsGrace, entry.checkedAt), fromMoment(entry.lastUsedAt))
  })
  const refusals = new Map<string, Refusal>()
  /** Of tokens of other systems, by digest. */
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
      // A text that isn't well-formed has the digest of another one. Both may be tokens of other systems; neither is one of ours.
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
      // A record that is too large to be kept isn't kept by its use either.
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
      // A look-up under way doesn't know yet whose record it brings, so all of them begin anew.
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
