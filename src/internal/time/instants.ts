/**
 * Instants as text: ISO 8601 by the profile of RFC 3339. `Date.parse` takes nearly any text, and a day that its month hasn't becomes
 * another day. So it gets no text from outside.
 */

/** The last millisecond of the year 9999, which is the latest instant. JavaScript and PostgreSQL write years up to it with four digits. */
export const latestMillis = 253_402_300_799_999

interface Lenience {
  /** Whether a day without a time means its beginning, and a time without a zone means UTC. */
  readonly withoutZone: boolean
}

/**
 * Milliseconds since 1970 of `2027-01-31T12:00:00Z`, `2027-01-31T12:00+02:00` and the like, or `undefined` for any other text. Digits
 * beyond milliseconds are cut off.
 */
export const parseInstant = (text: string, { withoutZone }: Lenience = { withoutZone: false }): number | undefined => {
  const [, year, month, day, clock, hour, minute, second = "0", fraction = "", zone, sign, zoneHour = "0", zoneMinute = "0"] =
    pattern.exec(text) ?? []
  if (year === undefined || ((clock === undefined || zone === undefined) && !withoutZone)) return undefined
  const millisecond = Number(fraction.slice(0, 3).padEnd(3, "0"))
  const local = fromFields([year, month, day, hour ?? 0, minute ?? 0, second].map(Number), millisecond)
  if (local === undefined || Number(zoneHour) > 23 || Number(zoneMinute) > 59) return undefined
  const offset = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60_000
  return sign === "-" ? local + offset : local - offset
}

const pattern = /^(\d{4})-(\d\d)-(\d\d)(?:([Tt ])(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?([Zz]|([+-])(\d\d):(\d\d))?)?$/

/**
 * Milliseconds since 1970 of year, month, day, hour, minute and second in UTC. Fields out of range give `undefined`: the 30th of February,
 * the hour 24, a leap second.
 */
export const fromFields = (fields: ReadonlyArray<number>, millisecond: number): number | undefined => {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields
  const date = new Date(0)
  // `Date.UTC` takes the years 0 to 99 for years of the twentieth century.
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second, millisecond)
  const isReal =
    year >= 1 &&
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second
  return isReal ? date.getTime() : undefined
}
