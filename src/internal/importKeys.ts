/** Brings keys in, batch by batch. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Model from "../ApiKey.ts"
import { InvalidInput, type RepositoryError } from "../ApiKeyError.ts"
import type * as Repository from "../ApiKeyRepository.ts"
import * as ApiKeyTransfer from "../ApiKeyTransfer.ts"

export type InsertMany = (keys: ReadonlyArray<Model.StoredApiKey>) => ReturnType<Repository.ApiKeyRepository["Service"]["insertMany"]>

/** What an import would do. What it would have inserted isn't in the store to be found there, so its ids are kept here. */
export const rehearse = (repository: Repository.ApiKeyRepository["Service"]): InsertMany => {
  const ids = new Set<string>()
  const keyIds = new Set<string>()
  const foreseen = ({ apiKey }: Model.StoredApiKey) =>
    ids.has(apiKey.id) ? "present" : Model.keyIdsOf(apiKey).some((keyId) => keyIds.has(keyId)) ? "duplicate" : undefined
  return (keys) => {
    const known = keys.map(foreseen)
    const others = keys.filter((_, index) => known[index] === undefined)
    return Effect.map(repository.insertMany(others, { isDryRun: true }), (outcomes) => {
      for (const [index, { apiKey }] of others.entries()) {
        if (outcomes[index] !== "inserted") continue
        ids.add(apiKey.id)
        for (const keyId of Model.keyIdsOf(apiKey)) keyIds.add(keyId)
      }
      let next = 0
      // There is an outcome for each of the others.
      return known.map((outcome) => outcome ?? outcomes[next++]!)
    })
  }
}

export const importKeys = <E, R>(
  rows: Stream.Stream<unknown, E, R>,
  { from, skip = 0, batchSize = 1_000 }: ApiKeyTransfer.ImportOptions,
  makeInsert: () => InsertMany,
  /** Why a record can't be kept that could be read. */
  whyNot: (key: Model.StoredApiKey) => Effect.Effect<InvalidInput | undefined>,
): Stream.Stream<ApiKeyTransfer.ImportEvent, E | InvalidInput | RepositoryError, R> =>
  Stream.suspend((): Stream.Stream<ApiKeyTransfer.ImportEvent, E | InvalidInput | RepositoryError, R> => {
    if (!Number.isSafeInteger(skip) || skip < 0) {
      return Stream.fail(new InvalidInput({ field: "skip", reason: "must be a whole number, at least 0" }))
    }
    if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > 10_000) {
      return Stream.fail(new InvalidInput({ field: "batchSize", reason: "must be 1 to 10,000" }))
    }
    const insert = makeInsert()
    type Row = Result.Result<Model.StoredApiKey, InvalidInput> | undefined
    const judged = (row: Row): Effect.Effect<Row> =>
      row === undefined || Result.isFailure(row)
        ? Effect.succeed(row)
        : Effect.map(whyNot(row.success), (refusal) => (refusal === undefined ? row : Result.fail(refusal)))
    const counts = { inserted: 0, present: 0, refused: 0 }
    let seen = 0
    let read = 0
    const progress = (): ApiKeyTransfer.Progress => ({ _tag: "Progress", read, ...counts })

    const write = Effect.fnUntraced(
      function* (rows: ReadonlyArray<Row>) {
        const batch = yield* Effect.forEach(rows, judged)
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
          const { field, reason } = outcome === "duplicate" ? keyIdTaken : outcome
          events.push({ _tag: "Refused", row: read, field, reason })
        }
        return Arr.append(events, progress())
      },
      (written) => Effect.withSpan(written, "ApiKeys.import", { captureStackTrace: false }),
    )

    return rows.pipe(
      // Rows become records at once, which are bounded, so that a batch is.
      Stream.map((row) => (seen++ < skip ? undefined : ApiKeyTransfer.readRowBy(row, from))),
      Stream.grouped(batchSize),
      // The next batches are read while the store is at work: one that waits, and one that is to wait after it.
      Stream.buffer({ capacity: 1 }),
      Stream.mapEffect(write),
      Stream.flattenArray,
      Stream.concat(Stream.suspend(() => (read === 0 ? Stream.succeed(progress()) : Stream.empty))),
    )
  })

const keyIdTaken = { field: "keyId", reason: "Another API key has this key id, or that of its previous token" }
