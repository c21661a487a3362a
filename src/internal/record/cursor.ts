/**
 * Opaque cursors. A cursor holds the position at which a page ended, and the sort order. The repositories share this file, so each understands the
 * same cursors.
 */
import * as Base64Url from "effect/encoding/Base64Url"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type ApiKey, ApiKeyId, Name } from "../../ApiKey.ts"
import { InvalidCursor } from "../../ApiKeyError.ts"
import { latestMillis } from "../time/instants.ts"
import type { StoreSort } from "./contract.ts"
import { type Column, fields, storeSortFields, timeOf } from "./fields.ts"

/** The position at which a page ended: the value sorted by, and the id. An instant is in epoch milliseconds. */
export interface Position {
  readonly value: string | number | null
  readonly id: ApiKeyId
}

const Millis = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: latestMillis }))
const Tuple = Schema.fromJsonString(
  Schema.Tuple([Schema.Literals(storeSortFields), Schema.Literals(["asc", "desc"]), Schema.NullOr(Schema.Union([Millis, Name])), ApiKeyId]),
)
const decodeTuple = Schema.decodeUnknownResult(Tuple)
const encodeTuple = Schema.encodeSync(Tuple)

/** The value of `key` by which `sort` orders. */
export const sortValue = (key: ApiKey, { by }: StoreSort): Position["value"] => {
  const value = by === "name" ? key.name : timeOf(key, by)
  return typeof value === "string" || value === null ? value : value.epochMilliseconds
}

export const encode = (key: ApiKey, sort: StoreSort): string =>
  Base64Url.encode(new TextEncoder().encode(encodeTuple([sort.by, sort.order, sortValue(key, sort), key.id])))

/** The position of a cursor; `undefined` stands before the first key. Fails for any other text, and for a cursor of another order. */
export const decode = (cursor: string, sort: StoreSort): Result.Result<Position | undefined, InvalidCursor> => {
  if (cursor === "") return Result.succeed(undefined)
  if (cursor.length > 4_096) return Result.fail(new InvalidCursor())
  const tuple = Result.flatMap(Base64Url.decode(cursor), (bytes) => decodeTuple(new TextDecoder().decode(bytes)))
  if (Result.isFailure(tuple)) return Result.fail(new InvalidCursor())
  const [by, order, value, id] = tuple.success
  const { isNullable, kind } = sortColumn(by)
  const fits = value === null ? isNullable : (typeof value === "string") === (kind === "text")
  return by === sort.by && order === sort.order && fits ? Result.succeed({ value, id }) : Result.fail(new InvalidCursor())
}

/** The column that a sort looks at. `tokenCreatedAt` is the rotation's time or else the creation's, so it is never null. */
export const sortColumn = (by: StoreSort["by"]): Pick<Column, "isNullable" | "kind"> =>
  by === "tokenCreatedAt" || by === "idleAt" ? { isNullable: by === "idleAt", kind: "instant" } : fields[by].column
