/** Reads times as other systems write them. */
import * as DateTime from "effect/DateTime"
import { fromFields, latestMillis } from "../time/instants.ts"
import { type Cell, invalid } from "./cell.ts"

/** The time in a cell; `null` for an empty one. */
export const instant = ({ column, value }: Cell): DateTime.Utc | null => {
  if (value === null) return null
  const milliseconds = toMilliseconds(value)
  if (milliseconds === undefined) throw invalid(column, "It isn't a time")
  if (milliseconds >= 0 && milliseconds <= latestMillis) return DateTime.makeUnsafe(milliseconds)
  throw invalid(column, "It isn't between 1970 and 9999")
}

const toMilliseconds = (value: unknown): number | undefined => {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.getTime()
  if (typeof value === "bigint" || typeof value === "number") return fromNumber(String(value))
  if (typeof value !== "string" || value.length > 64) return undefined
  return fromNumber(value) ?? fromText(value)
}

/** Seconds or milliseconds since 1970; 20300101 is a day, and 20300101120000 a day and its time. */
const fromNumber = (digits: string): number | undefined => {
  const [, year, month, day, hour = "00", minute = "00", second = "00"] = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d))?$/.exec(digits) ?? []
  if (year !== undefined) return fromText(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return /^-?\d{1,16}(?:\.\d{1,9})?$/.test(digits) ? fromEpoch(Number(digits)) : undefined
}

// 10^11 seconds are the year 5138, and 10^11 milliseconds the year 1973.
const fromEpoch = (value: number): number => Math.trunc(Math.abs(value) < 1e11 ? value * 1_000 : value)

const timePattern =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)? ?(?:(Z|UTC|GMT)|([+-])(\d\d)(?::?(\d\d))?(?::?(\d\d))?)?$/i

/** ISO 8601, and the forms of PostgreSQL, MySQL, SQLite and Python. A time without a zone is UTC. */
const fromText = (text: string): number | undefined => {
  const [
    ,
    year,
    month,
    day,
    hour = "0",
    minute = "0",
    second = "0",
    fraction = "",
    ,
    sign,
    zoneHour = "0",
    zoneMinute = "0",
    zoneSecond = "0",
  ] = timePattern.exec(text.trim()) ?? []
  if (year === undefined) return undefined
  const fields = [Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second)]
  const local = fromFields(fields, Number(fraction.padEnd(3, "0").slice(0, 3)))
  if (local === undefined || Number(zoneHour) > 15 || Number(zoneMinute) > 59 || Number(zoneSecond) > 59) return undefined
  const offset = (Number(zoneHour) * 3_600 + Number(zoneMinute) * 60 + Number(zoneSecond)) * 1_000
  return local - (sign === "-" ? -offset : offset)
}
