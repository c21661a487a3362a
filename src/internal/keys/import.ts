/** Brings keys in, batch by batch. */
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Model from "../../ApiKey.ts"
import { InvalidInput, type RepositoryError } from "../../ApiKeyError.ts"
import { type ApiKeyHasher, scheme } from "../../ApiKeyHasher.ts"
import type * as Repository from "../../ApiKeyRepository.ts"
import * as ApiKeyTransfer from "../../ApiKeyTransfer.ts"
import { sha256 } from "../hash/digest.ts"
import { isDerivedKeyId } from "../hash/legacyHash.ts"
import { missingPepper } from "../record/peppers.ts"
import type { HashQueue } from "../verifier/hashQueue.ts"
import type { Changes } from "./changes.ts"
import { ofRecord } from "./events.ts"

export interface Dependencies {
  readonly repository: Repository.ApiKeyRepository["Service"]
  readonly changes: Changes
  readonly hasher: ApiKeyHasher["Service"]
  readonly hashQueue: HashQueue
  /** A secret to try hashes with. */
  readonly secret: Redacted.Redacted
  readonly acceptMissingPeppers: boolean
}

/** The store's part in an import. */
interface Store {
  readonly findTaken: Repository.ApiKeyRepository["Service"]["findTaken"]
  readonly insertMany: Repository.ApiKeyRepository["Service"]["insertMany"]
}

export const make = ({ repository, changes, hasher, hashQueue, secret, acceptMissingPeppers }: Dependencies) => {
  const insertMany = (keys: ReadonlyArray<Model.StoredApiKey>) =>
    Effect.flatMap(DateTime.now, (at) =>
      changes.commit(
        {
          inserts: keys.map(({ apiKey }) => apiKey),
          // Tokens of imported keys are in use elsewhere already. A single record in doubt stands for all.
          records: keys.slice(0, 1).map(({ apiKey }) => apiKey.id),
          revives: true,
          outcomes: (inserted: ReadonlyArray<boolean>, { actor }) =>
            keys.flatMap(({ apiKey: after }, index) =>
              inserted[index] === true
                ? [{ _tag: "KeyImported" as const, ...ofRecord({ operation: "import", at }, actor, after), after }]
                : [],
            ),
        },
        repository.insertMany(keys),
      ),
    )

  /** The reason that a hash can't be kept. An imported hash that no hasher can check would keep the service from starting again. */
  const whyNot = Effect.fnUntraced(function* (hash: Redacted.Redacted, { from, unknownHashes }: ApiKeyTransfer.ImportOptions) {
    // Peppers that can't be read now are no reason to refuse the hash.
    const pepper = yield* Effect.orElseSucceed(missingPepper(hasher, scheme(Redacted.value(hash))), () => undefined)
    if (pepper !== undefined && !acceptMissingPeppers) {
      return `It needs a pepper that isn't configured (${pepper || "the one without a label"})`
    }
    // The adapter that reads a system's rows knows which of its hashes can be checked.
    if (from !== undefined || unknownHashes === "accept") return undefined
    return yield* Effect.match(hashQueue.runNew(hasher.verify(secret, hash)), {
      onSuccess: () => undefined,
      onFailure: ({ reason }) => (reason === "UnsupportedHash" ? "No hasher and no adapter can check it" : undefined),
    })
  })

  return <E, R>(rows: Stream.Stream<unknown, E, R>, options: ApiKeyTransfer.ImportOptions = {}) =>
    importKeys(rows, options, { findTaken: repository.findTaken, insertMany }, (hash) => whyNot(hash, options))
}

type Refusal = Pick<InvalidInput, "field" | "reason">

/** The record that conflicts with the key, and the field in conflict. */
interface Conflict {
  readonly what: "id" | "keyId" | "hash"
  readonly there: Repository.Taken
}

/** `elusive`: a conflicting row that is never found. */
type Outcome = "inserted" | "present" | Conflict | "elusive"

const importKeys = <E, R>(
  rows: Stream.Stream<unknown, E, R>,
  options: ApiKeyTransfer.ImportOptions,
  store: Store,
  whyNot: WhyNot,
): Stream.Stream<ApiKeyTransfer.ImportEvent, E | InvalidInput | RepositoryError, R> =>
  Stream.suspend((): Stream.Stream<ApiKeyTransfer.ImportEvent, E | InvalidInput | RepositoryError, R> => {
    const { from, skip = 0, batchSize = 1_000 } = options
    if (!Number.isSafeInteger(skip) || skip < 0) {
      return Stream.fail(new InvalidInput({ field: "skip", reason: "must be a whole number, at least 0" }))
    }
    if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > 10_000) {
      return Stream.fail(new InvalidInput({ field: "batchSize", reason: "must be 1 to 10,000" }))
    }
    const isOther = from !== undefined
    const insert = options.dryRun === true ? predictOutcomes(store, isOther) : insertAll(store, isOther)
    const judge = judgeHashes(whyNot)
    const seen = makeSeen()
    const counts = { inserted: 0, present: 0, refused: 0 }
    let parsed = 0
    let read = 0
    const progress = (): ApiKeyTransfer.Progress => ({ _tag: "Progress", read, ...counts })

    const write = Effect.fnUntraced(
      function* (rows: ReadonlyArray<Row>) {
        const batch = yield* judge(rows)
        const outcomes = yield* insert(batch.flatMap((row) => (row !== undefined && Result.isSuccess(row) ? [row.success] : [])))
        const events: Array<ApiKeyTransfer.ImportEvent> = []
        let next = 0
        for (const row of batch) {
          read++
          if (row === undefined) continue
          // Each row that could be read has an outcome.
          const settled = Result.isFailure(row) ? row.failure : conclude(row.success, outcomes[next++]!, read, seen)
          if (settled === "inserted" || settled === "present") {
            counts[settled]++
            continue
          }
          counts.refused++
          events.push({ _tag: "Refused", row: read, field: settled.field, reason: settled.reason })
        }
        return Arr.append(events, progress())
      },
      (written) => Effect.withSpan(written, "ApiKeys.import", { captureStackTrace: false }),
    )

    return rows.pipe(
      // Rows become records at once; records are bounded, so batches are too. The yield after each chunk lets the store work. Otherwise the
      // store would wait for all rows at hand, and the rows for the store.
      Stream.mapArrayEffect((chunk) =>
        Effect.as(
          Effect.yieldNow,
          Arr.map(chunk, (row) => (parsed++ < skip ? undefined : ApiKeyTransfer.readRowBy(row, from))),
        ),
      ),
      Stream.grouped(batchSize),
      // The next two batches are read while the store is at work: the buffer holds a batch, the other follows.
      Stream.buffer({ capacity: 1 }),
      Stream.mapEffect(write),
      Stream.flattenArray,
      Stream.concat(Stream.suspend(() => (read === 0 ? Stream.succeed(progress()) : Stream.empty))),
    )
  })

/** Records by their ids and key ids, which keep others from being inserted. */
interface Index {
  readonly byId: Map<string, Repository.Taken>
  readonly byKeyId: Map<string, Repository.Taken>
}

const emptyIndex = (): Index => ({ byId: new Map(), byKeyId: new Map() })

const add = ({ byId, byKeyId }: Index, taken: Repository.Taken): void => {
  byId.set(taken.id, taken)
  for (const keyId of taken.keyIds) byKeyId.set(keyId, taken)
}

/** The outcome of a key among these records; `undefined` if its ids are free. */
const verdict = ({ apiKey, hash }: Model.StoredApiKey, isOther: boolean, ...indexes: ReadonlyArray<Index>): Outcome | undefined => {
  const own = Model.keyIdsOf(apiKey)
  for (const { byId } of indexes) {
    const there = byId.get(apiKey.id)
    if (there === undefined) continue
    // A rotation replaced the key id that was imported.
    return there.rotatedAt !== null || own.some((keyId) => there.keyIds.includes(keyId)) ? "present" : { what: "id", there }
  }
  for (const keyId of own) {
    for (const { byKeyId } of indexes) {
      const there = byKeyId.get(keyId)
      if (there === undefined) continue
      if (isOther && isOneRow(there.id, apiKey.id)) return "present"
      const isOneToken = isOther && (isDerivedKeyId(keyId) || Redacted.value(there.hash) === Redacted.value(hash))
      return { what: isOneToken ? "hash" : "keyId", there }
    }
  }
  return undefined
}

/**
 * Whether two ids were made of one row of another system. The ids begin with the time of creation, and a driver in another time zone reads
 * another time. The rest is a digest of the row's own id.
 */
const isOneRow = (one: string, other: string): boolean => one.slice(timeLength) === other.slice(timeLength)

// 48 bits as 12 hex digits and a dash.
const timeLength = 13

/** The verdict on a row after those before it. */
const conclude = (key: Model.StoredApiKey, outcome: Outcome, row: number, seen: Seen): "inserted" | "present" | Refusal => {
  if (outcome === "elusive") return elusive
  if (typeof outcome === "object") return explain(key.apiKey, outcome, seen)
  const before = seen.find(key.apiKey.keyId)
  const content = contentOf(key)
  if (before === undefined) {
    for (const keyId of Model.keyIdsOf(key.apiKey)) seen.add(keyId, { row, content })
    return outcome
  }
  // Keeping only the first of several rows would lose facts of the others: an inactive key, or another owner.
  return before.content === content
    ? "present"
    : { field: "row", reason: `Row ${before.row} is of the same API key (${key.apiKey.id}), and says something else of it` }
}

const explain = ({ id, keyId }: Model.ApiKey, { what, there }: Conflict, seen: Seen): Refusal => {
  const before = there.keyIds.map(seen.find).find((each) => each !== undefined)
  const other = before === undefined ? `The API key ${there.id}` : `Row ${before.row} (the API key ${there.id})`
  switch (what) {
    case "id":
      return { field: "id", reason: `${other} has this id and another key id, ${there.keyIds.join(" or ")}, where this row has ${keyId}` }
    case "keyId":
      return { field: "keyId", reason: `${other} has the key id of this row (${keyId}), for its current token or the one before` }
    case "hash":
      return { field: "hash", reason: `${other} has the token of this row, which would be the API key ${id}: a token has one key` }
  }
}

/** The content of a row, in 20 bits. The time of creation is left out as it depends on the reader; the time of use, as it advances. */
const contentOf = ({ apiKey, hash }: Model.StoredApiKey): number => {
  const { name, description, ownerId, isActive, expiresAt, scopes, metadata, policies, deactivatedAt } = apiKey
  const end = expiresAt?.epochMilliseconds ?? null
  const all = [
    name,
    description,
    ownerId,
    isActive,
    end,
    scopes,
    metadata,
    policies,
    deactivatedAt?.epochMilliseconds ?? null,
    Redacted.value(hash),
  ]
  return Hash.string(JSON.stringify(all)) >>> 12
}

/** Rows that were kept, by their key ids, in some 80 bytes each. The store alone can't tell a row of this file from an earlier import's. */
interface Seen {
  readonly add: (keyId: string, row: SeenRow) => void
  readonly find: (keyId: string) => SeenRow | undefined
}

interface SeenRow {
  readonly row: number
  readonly content: number
}

const makeSeen = (): Seen => {
  // A Map has at most 2^24 entries. Short digests, as a key id may be a part of a long line, which it would keep in memory.
  const shards = Array.from({ length: 64 }, () => new Map<string, number>())
  const locate = (keyId: string) => {
    const key = sha256 === undefined ? keyId : sha256(keyId).slice(0, 8)
    // The remainder is less than the number of shards, so the shard exists.
    return { key, shard: shards[key.charCodeAt(0) % shards.length]! }
  }
  return {
    add: (keyId, { row, content }) => {
      const { key, shard } = locate(keyId)
      shard.set(key, row * contents + content)
    },
    find: (keyId) => {
      const { key, shard } = locate(keyId)
      const value = shard.get(key)
      return value === undefined ? undefined : { row: Math.floor(value / contents), content: value % contents }
    },
  }
}

const contents = 2 ** 20

const indexOf = (taken: ReadonlyArray<Repository.Taken>): Index => {
  const index = emptyIndex()
  for (const each of taken) add(index, each)
  return index
}

type Insert = (keys: ReadonlyArray<Model.StoredApiKey>) => Effect.Effect<ReadonlyArray<Outcome>, RepositoryError>

/** Inserts rows, and looks up the records that conflict with the rest. */
const insertAll =
  ({ insertMany, findTaken }: Store, isOther: boolean): Insert =>
  (keys) =>
    Effect.gen(function* () {
      const outcomes: Array<Outcome | undefined> = keys.map(() => undefined)
      let open = keys.map((_, index) => index)
      // Retry once: the conflicting row may have been deleted between the insert and the look-up.
      for (let attempt = 0; attempt < 2 && open.length > 0; attempt++) {
        const these = open.map((index) => keys[index]!)
        const inserted = yield* insertMany(these)
        const rest = these.filter((_, index) => inserted[index] !== true)
        const index = indexOf(rest.length === 0 ? [] : yield* findTaken(rest))
        for (const [at, position] of open.entries()) {
          outcomes[position] = inserted[at] === true ? "inserted" : verdict(these[at]!, isOther, index)
        }
        open = open.filter((position) => outcomes[position] === undefined)
      }
      return outcomes.map((outcome) => outcome ?? "elusive")
    })

/** Predicts {@link insertAll}. The rows of a dry run aren't in the store, so `predicted` holds them. */
const predictOutcomes = ({ findTaken }: Store, isOther: boolean): Insert => {
  const predicted = emptyIndex()
  return (keys) =>
    Effect.map(keys.length === 0 ? Effect.succeed([]) : findTaken(keys), (taken) => {
      const index = indexOf(taken)
      return keys.map((key) => {
        const outcome = verdict(key, isOther, index, predicted)
        const { id, rotatedAt } = key.apiKey
        if (outcome === undefined) add(predicted, { id, rotatedAt, keyIds: Model.keyIdsOf(key.apiKey), hash: key.hash })
        return outcome ?? "inserted"
      })
    })
}

type WhyNot = (hash: Redacted.Redacted) => Effect.Effect<string | undefined>

type Row = Result.Result<Model.StoredApiKey, InvalidInput> | undefined

/** Refuses rows whose hashes can't be kept. The first hash of each scheme decides for all others, up to 100 schemes. */
const judgeHashes = (whyNot: WhyNot) => {
  const known = new Map<string, string | undefined>()
  const look = Effect.fnUntraced(function* (name: string, hash: Redacted.Redacted) {
    const reason = yield* whyNot(hash)
    if (known.size < maxSchemes) known.set(name, reason)
    return reason
  })
  return Effect.fnUntraced(function* (rows: ReadonlyArray<Row>) {
    const judged: Array<Row> = []
    for (const row of rows) {
      let result = row
      for (const [field, hash] of row === undefined || Result.isFailure(row) ? [] : hashesOf(row.success)) {
        const name = scheme(Redacted.value(hash))
        const reason = known.has(name) ? known.get(name) : yield* look(name, hash)
        if (reason !== undefined) result = Result.fail(new InvalidInput({ field, reason }))
      }
      judged.push(result)
    }
    return judged
  })
}

const hashesOf = ({ hash, previousHash }: Model.StoredApiKey): ReadonlyArray<readonly [string, Redacted.Redacted]> =>
  previousHash === null
    ? [["hash", hash]]
    : [
        ["hash", hash],
        ["previousHash", previousHash],
      ]

const maxSchemes = 100

const elusive = { field: "row", reason: "What was in its way has just gone; import it again" }
