/** Brings keys in, batch by batch. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Model from "../ApiKey.ts"
import { InvalidInput, type RepositoryError } from "../ApiKeyError.ts"
import { scheme } from "../ApiKeyHasher.ts"
import type * as Repository from "../ApiKeyRepository.ts"
import * as ApiKeyTransfer from "../ApiKeyTransfer.ts"
import { isDerivedKeyId } from "./legacyHash.ts"

export interface Dependencies {
  readonly findTaken: Repository.ApiKeyRepository["Service"]["findTaken"]
  readonly insertMany: Repository.ApiKeyRepository["Service"]["insertMany"]
  /** Why hashes such as this one can't be kept. */
  readonly whyNot: (hash: Redacted.Redacted, options: ApiKeyTransfer.ImportOptions) => Effect.Effect<string | undefined>
}

type Outcome = "inserted" | "present" | Pick<InvalidInput, "field" | "reason">

export const importKeys = <E, R>(
  rows: Stream.Stream<unknown, E, R>,
  options: ApiKeyTransfer.ImportOptions,
  dependencies: Dependencies,
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
    const insert = options.dryRun === true ? foresee(dependencies, isOther) : settle(dependencies, isOther)
    const judge = judgeHashes((hash) => dependencies.whyNot(hash, options))
    const counts = { inserted: 0, present: 0, refused: 0 }
    let seen = 0
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
          // There is an outcome for each row that could be read.
          const outcome = Result.isFailure(row) ? row.failure : outcomes[next++]!
          if (outcome === "inserted" || outcome === "present") {
            counts[outcome]++
            continue
          }
          counts.refused++
          events.push({ _tag: "Refused", row: read, field: outcome.field, reason: outcome.reason })
        }
        return Arr.append(events, progress())
      },
      (written) => Effect.withSpan(written, "ApiKeys.import", { captureStackTrace: false }),
    )

    return rows.pipe(
      // Rows become records at once, which are bounded, so that a batch is. After each chunk the store has its turn: it would wait for all
      // rows that are at hand otherwise, and they for it.
      Stream.mapArrayEffect((chunk) =>
        Effect.as(
          Effect.yieldNow,
          Arr.map(chunk, (row) => (seen++ < skip ? undefined : ApiKeyTransfer.readRowBy(row, from))),
        ),
      ),
      Stream.grouped(batchSize),
      // The next batches are read while the store is at work: one that waits, and one that is to wait after it.
      Stream.buffer({ capacity: 1 }),
      Stream.mapEffect(write),
      Stream.flattenArray,
      Stream.concat(Stream.suspend(() => (read === 0 ? Stream.succeed(progress()) : Stream.empty))),
    )
  })

/** Records by what keeps others from being inserted. */
interface Index {
  readonly byId: Map<string, Taken>
  readonly byKeyId: Map<string, Taken>
}

type Taken = Pick<Repository.Taken, "id" | "keyIds" | "rotatedAt" | "hash">

const emptyIndex = (): Index => ({ byId: new Map(), byKeyId: new Map() })

const add = ({ byId, byKeyId }: Index, taken: Taken): void => {
  byId.set(taken.id, taken)
  for (const keyId of taken.keyIds) byKeyId.set(keyId, taken)
}

/** What becomes of a key among these records; nothing if it is free. */
const verdict = ({ apiKey, hash }: Model.StoredApiKey, isOther: boolean, ...indexes: ReadonlyArray<Index>): Outcome | undefined => {
  const own = Model.keyIdsOf(apiKey)
  for (const { byId } of indexes) {
    const there = byId.get(apiKey.id)
    if (there === undefined) continue
    // A rotation replaced the key id by which it came.
    return there.rotatedAt !== null || own.some((keyId) => there.keyIds.includes(keyId)) ? "present" : idTaken
  }
  for (const keyId of own) {
    for (const { byKeyId } of indexes) {
      const there = byKeyId.get(keyId)
      if (there === undefined) continue
      // The id of another system's row is made of what may be read in another way the next time; its hash isn't.
      const isSame = isOther && (isDerivedKeyId(keyId) || Redacted.value(there.hash) === Redacted.value(hash))
      return isSame ? "present" : keyIdTaken
    }
  }
  return undefined
}

const indexOf = (taken: ReadonlyArray<Taken>): Index => {
  const index = emptyIndex()
  for (const each of taken) add(index, each)
  return index
}

type Insert = (keys: ReadonlyArray<Model.StoredApiKey>) => Effect.Effect<ReadonlyArray<Outcome>, RepositoryError>

/** Inserts, and looks at what was in the way of those that weren't. */
const settle =
  ({ insertMany, findTaken }: Dependencies, isOther: boolean): Insert =>
  (keys) =>
    Effect.gen(function* () {
      const outcomes: Array<Outcome | undefined> = keys.map(() => undefined)
      let open = keys.map((_, index) => index)
      // Once more what was free again, or what was in the way of wasn't inserted itself.
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
      return outcomes.map((outcome) => outcome ?? restless)
    })

/** What {@link settle} would give. What it would have inserted isn't in the store to be found there, so it is kept here. */
const foresee = ({ findTaken }: Dependencies, isOther: boolean): Insert => {
  const foreseen = emptyIndex()
  return (keys) =>
    Effect.map(keys.length === 0 ? Effect.succeed([]) : findTaken(keys), (taken) => {
      const index = indexOf(taken)
      return keys.map((key) => {
        const outcome = verdict(key, isOther, index, foreseen)
        const { id, rotatedAt } = key.apiKey
        if (outcome === undefined) add(foreseen, { id, rotatedAt, keyIds: Model.keyIdsOf(key.apiKey), hash: key.hash })
        return outcome ?? "inserted"
      })
    })
}

type Row = Result.Result<Model.StoredApiKey, InvalidInput> | undefined

/** Refuses rows whose hashes can't be kept. One hash of each scheme is looked at. */
const judgeHashes = (whyNot: (hash: Redacted.Redacted) => Effect.Effect<string | undefined>) => {
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

const idTaken = { field: "id", reason: "Another API key has this id" }
const keyIdTaken = { field: "keyId", reason: "Another API key has this key id, or that of its previous token" }
const restless = { field: "row", reason: "What was in its way has just gone; import it again" }
