/**
 * Looks a credential's record up, and checks the secret by the stored hash. If the key changes meanwhile, both are done anew.
 *
 * An unknown key id costs the same, as the hash of a decoy is checked instead.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Tracer from "effect/Tracer"
import type { ApiKey, KeyId, StoredApiKey, UsedToken } from "../../ApiKey.ts"
import { type HasherError, InvalidSecret, NotFound, type Overloaded, type RepositoryError } from "../../ApiKeyError.ts"
import { type ApiKeyHasher, scheme } from "../../ApiKeyHasher.ts"
import * as ApiKeyMetrics from "../../ApiKeyMetrics.ts"
import type { ApiKeyRepository } from "../../ApiKeyRepository.ts"
import { sha256 } from "../hash/digest.ts"
import { isLegacyHash } from "../hash/legacyHash.ts"
import type { Doubts } from "../nodes/doubts.ts"
import { beginsGrace } from "../record/previousToken.ts"
import { withoutStack } from "../schema/withoutStack.ts"
import type { Credential, Reading } from "./credential.ts"
import { type Found, useOf } from "./entry.ts"
import { flat } from "./flat.ts"
import type { HashQueue } from "./hashQueue.ts"
import type { Memory } from "./memory.ts"
import type { Plans } from "./plan.ts"
import type { Rehash } from "./rehash.ts"
import type { Standing } from "./standing.ts"
import type { Strangers } from "./strangers.ts"

export type LookUpError = NotFound | InvalidSecret | RepositoryError | HasherError | Overloaded

/** Without a digest nothing is remembered, as in a transaction. Without a standing no token counts as a stranger's. */
export type LookUp = (
  credential: Credential,
  standing: Standing | undefined,
  digest: string | undefined,
  context: Context.Context<never>,
) => Effect.Effect<Found, LookUpError>

export interface Dependencies {
  readonly repository: Pick<ApiKeyRepository["Service"], "findByKeyId">
  readonly hasher: ApiKeyHasher["Service"]
  /** The scheme of the hashes that the hasher makes now. */
  readonly currentScheme: Effect.Effect<string, HasherError>
  readonly hashQueue: HashQueue
  /** The hash that is checked when there is no record. */
  readonly decoy: { readonly secret: Redacted.Redacted; readonly hash: Redacted.Redacted }
  readonly memory: Memory
  readonly plans: Plans
  readonly rehash: Rehash
  readonly strangers: Strangers
  /** The records that may be changing: an answer about them is neither kept nor shared. */
  readonly doubts: Pick<Doubts, "has">
}

/** The number of times that a record is read, at most, if it changes while its secret is hashed. */
const maxAttempts = 10

export const make = (dependencies: Dependencies): LookUp => {
  const { repository, hasher, currentScheme, hashQueue, decoy, memory, plans, rehash, strangers, doubts } = dependencies
  const { trust, generations } = memory
  let decoyHash = decoy.hash

  /** Runs in the caller's context. A span that no tracer takes costs a tenth of the look-up. */
  const lookUp: LookUp = (credential, standing, digest, context) => {
    const looking = lookUpAndCheck(credential, standing, digest, context)
    return Context.get(context, Tracer.Tracer) === Tracer.nativeTracer
      ? looking
      : Effect.withSpan(looking, "ApiKeys.lookUp", { captureStackTrace: false, attributes: { "api_key.key_id": credential.keyId } })
  }

  const lookUpAndCheck = Effect.fnUntraced(function* (
    credential: Credential,
    standing: Standing | undefined,
    digest: string | undefined,
    context: Context.Context<never>,
  ): Effect.fn.Return<Found, LookUpError> {
    const { keyId, readings, isOwn } = credential
    const clock = Context.get(context, Clock.Clock)
    const begun = clock.monotonicTimeNanosUnsafe()
    // With several readings, the proven one isn't known.
    const remembered = digest === undefined || readings.length > 1 ? undefined : memory.provenHash(digest, keyId)
    let reading = readings[0]!
    let proven: string | undefined
    let refuted: string | undefined
    for (let attempt = 1; ; attempt++) {
      const checkedAt = trust.readClock(clock)
      const generation = generations.of(keyId)
      const stored = Option.getOrUndefined(
        yield* standing === "stranger" ? strangers.run(repository.findByKeyId(keyId)) : repository.findByKeyId(keyId),
      )
      const token = stored === undefined ? undefined : tokenOf(stored, keyId)
      const hash = token?.hash ?? decoyHash
      const isCurrent = scheme(Redacted.value(hash)) === (yield* currentScheme)
      // A hash that isn't kept needs no digest.
      const hashDigest = digest === undefined ? Redacted.value(hash) : digestOfHash(Redacted.value(hash))
      // An older hash of our hasher is checked anew, as its pepper may have been taken out since. Hashes of other systems keep their
      // pepper.
      if ((isCurrent || isLegacyHash(hash)) && hashDigest === remembered) proven = hashDigest
      if (hashDigest !== proven && hashDigest !== refuted) {
        const right = token === undefined ? yield* checkDecoy(credential, standing) : yield* check(credential, standing, hash)
        if (right === undefined) refuted = hashDigest
        else {
          reading = right
          proven = hashDigest
        }
      }
      // From here to the call that keeps the record nothing may yield, or a change could come between.
      const hasChanged = generation !== generations.of(keyId)
      // A caller from before the change may get the key as it was after the call. A later caller begins another look-up.
      if (hasChanged && attempt < maxAttempts) continue
      ApiKeyMetrics.coldDuration.updateUnsafe(Number(clock.monotonicTimeNanosUnsafe() - begun) / 1e6, context)
      // An answer isn't kept if a change might have gone unheard. The change may come before this node is in touch again.
      const isDoubtful = stored !== undefined && doubts.has(stored.apiKey.id)
      const mayBeUsed = !hasChanged && trust.isInTouch(checkedAt) && !isDoubtful
      if (digest !== undefined) trust.watch(clock)
      if (token === undefined || hashDigest !== proven) {
        const error = refusalFor(token === undefined ? NotFound : InvalidSecret, flat(keyId))
        // The refusal of one key id refuses a token only if the token stands for no other key id.
        if (digest !== undefined && mayBeUsed && isOwn) memory.keepRefusal(digest, error, [error.keyId], generation, checkedAt)
        return yield* error
      }
      const { apiKey, usedToken } = token
      if (!isCurrent) {
        const isExact = isLegacyHash(hash) ? reading.reader.isExact : undefined
        rehash.consider({ id: apiKey.id, keyId: token.keyId, secret: reading.secret, hash, ...(isExact !== undefined && { isExact }) })
      }
      const plan = plans.of(token)
      if (digest !== undefined) {
        return memory.keep({ apiKey, usedToken, checkedAt, plan, goodUntil: plans.goodUntil(token) }, digest, hashDigest, mayBeUsed)
      }
      return { apiKey, usedToken, checkedAt, plan, use: useOf(apiKey.id, token.keyId, beginsGrace(apiKey, usedToken), checkedAt) }
    }
  })

  // A hash that needs no thread is computed at once, and never waits for another.
  const inTurn: HashQueue["run"] = hasher.threads === 0 ? (_lane, _keyId, hash) => hash : hashQueue.run

  /** The reading of the token that matches the hash. */
  const check = (
    credential: Credential,
    standing: Standing | undefined,
    hash: Redacted.Redacted,
  ): Effect.Effect<Reading | undefined, HasherError | Overloaded> => {
    const { keyId, readings, isOwn } = credential
    const [own] = readings
    return isOwn && own !== undefined
      ? Effect.map(inTurn(standing === "sealed" ? "sealed" : "known", keyId, own.reader.verify(own.secret, hash)), (isRight) =>
          isRight ? own : undefined,
        )
      : checkEach(credential, hash)
  }

  const checkEach = Effect.fnUntraced(function* (
    { keyId, readings }: Credential,
    hash: Redacted.Redacted,
  ): Effect.fn.Return<Reading | undefined, HasherError | Overloaded> {
    const isLegacy = isLegacyHash(hash)
    const tried = new Set<string>()
    let failure: HasherError | undefined
    for (const reading of readings) {
      // Our own hasher checks each secret once.
      if (!isLegacy && tried.has(Redacted.value(reading.secret))) continue
      tried.add(Redacted.value(reading.secret))
      const { verify } = isLegacy ? reading.reader : hasher
      const checked = yield* Effect.result(inTurn("known", keyId, verify(reading.secret, hash)))
      if (Result.isSuccess(checked)) {
        if (checked.success) return reading
      } else if (checked.failure._tag === "Overloaded") return yield* checked.failure
      // `UnsupportedHash` of one system says nothing of the hash.
      else if (!isLegacy || checked.failure.reason !== "UnsupportedHash") failure = checked.failure
    }
    return failure === undefined ? undefined : yield* failure
  })

  /** Costs as much as checking a wrong secret, and proves nothing. */
  const checkDecoy = (
    { keyId, readings, hasDecoy }: Credential,
    standing: Standing | undefined,
  ): Effect.Effect<undefined, HasherError | Overloaded> => {
    if (!hasDecoy) return Effect.undefined
    const checking = Effect.catchIf(hasher.verify(readings[0]!.secret, decoyHash), isMissingPepper, renewDecoy)
    return Effect.as(inTurn(standing === "sealed" ? "sealed" : "unknown", keyId, checking), undefined)
  }

  /** The pepper of the decoy's hash was taken out of the ring. Making another hash costs as much as the check. */
  const renewDecoy = () =>
    Effect.map(hasher.hash(decoy.secret), (hash) => {
      decoyHash = hash
      return false
    })

  return lookUp
}

/** One of a record's tokens, with its hash. */
interface StoredToken {
  readonly apiKey: ApiKey
  readonly hash: Redacted.Redacted
  readonly keyId: KeyId
  readonly usedToken: UsedToken
}

/** The token of the record that has the key id. */
const tokenOf = ({ apiKey, hash, previousHash }: StoredApiKey, keyId: string): StoredToken | undefined => {
  if (apiKey.keyId === keyId) return { apiKey, hash, keyId: apiKey.keyId, usedToken: "current" }
  const { previous } = apiKey
  return previous !== null && previousHash !== null && previous.keyId === keyId
    ? { apiKey, hash: previousHash, keyId: previous.keyId, usedToken: "previous" }
    : undefined
}

/**
 * A short digest that tells a stored hash from any other hash of the key. Nobody chooses those hashes, so 16 characters of a byte each are
 * safe. Without SHA-256 there is no cache, and the hash stands for itself.
 */
const digestOfHash = (hash: string): string => sha256?.(hash).slice(0, 16) ?? hash

/** The engine would keep the token, which the frames of a stack worked on, as long as the error is remembered. */
const refusalFor = (Refused: typeof NotFound | typeof InvalidSecret, keyId: KeyId): NotFound | InvalidSecret =>
  withoutStack(() => new Refused({ keyId }))

const isMissingPepper = ({ reason }: HasherError): boolean => reason === "MissingPepper"
