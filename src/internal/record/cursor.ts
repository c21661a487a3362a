/** Opaque cursors: where a page ended, in which sort order. Shared by the repositories so that they agree on what a cursor means. */
import * as Base64Url from "effect/encoding/Base64Url"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type ApiKey, ApiKeyId, Name, tokenCreatedAt } from "../../ApiKey.ts"
import { InvalidCursor } from "../../ApiKeyError.ts"
import { latestMillis } from "../time/instants.ts"
import type { Sort } from "./contract.ts"
import { type Column, fields, sortFields } from "./fields.ts"

/** Where a page ended: the value sorted by (instants as epoch milliseconds) and the id. */
export interface Position {
  readonly value: string | number | null
  readonly id: ApiKeyId
}

const Millis = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: latestMillis }))
const Tuple = Schema.fromJsonString(
  Schema.Tuple([Schema.Literals(sortFields), Schema.Literals(["asc", "desc"]), Schema.NullOr(Schema.Union([Millis, Name])), ApiKeyId]),
)
const decodeTuple = Schema.decodeUnknownResult(Tuple)
const encodeTuple = Schema.encodeSync(Tuple)

/** The value of `key` that `sort` looks at. */
export const sortValue = (key: ApiKey, { by }: Sort): Position["value"] => {
  const value = by === "tokenCreatedAt" ? tokenCreatedAt(key) : key[by]
  return typeof value === "string" || value === null ? value : value.epochMilliseconds
}

export const encode = (key: ApiKey, sort: Sort): string =>
  Base64Url.encode(new TextEncoder().encode(encodeTuple([sort.by, sort.order, sortValue(key, sort), key.id])))

/** `undefined` is before the first key. Fails for what isn't a cursor, or is one of another order. */
export const decode = (cursor: string, sort: Sort): Result.Result<Position | undefined, InvalidCursor> => {
  if (cursor === "") return Result.succeed(undefined)
  if (cursor.length > 4_096) return Result.fail(new InvalidCursor())
  const tuple = Result.flatMap(Base64Url.decode(cursor), (bytes) => decodeTuple(new TextDecoder().decode(bytes)))
  if (Result.isFailure(tuple)) return Result.fail(new InvalidCursor())
  const [by, order, value, id] = tuple.success
  const { isNullable, kind } = sortColumn(by)
  const fits = value === null ? isNullable : (typeof value === "string") === (kind === "text")
  return by === sort.by && order === sort.order && fits ? Result.succeed({ value, id }) : Result.fail(new InvalidCursor())
}

/** The column that a sort looks at. The time at which the current token was made is of two columns, of which one isn't null. */
export const sortColumn = (by: Sort["by"]): Pick<Column, "isNullable" | "kind"> =>
  by === "tokenCreatedAt" ? { isNullable: false, kind: "instant" } : fields[by].column
