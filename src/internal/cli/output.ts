import * as Clock from "effect/Clock"
import * as CliOutput from "effect/cli/CliOutput"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Console from "effect/Console"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"
import { type ApiKey, type PreviousToken, type Status, status } from "../../ApiKey.ts"
import type { Created } from "../../ApiKeys.ts"
import * as IdleTimeout from "../../IdleTimeout.ts"
import * as Quota from "../../Quota.ts"
import * as RateLimit from "../../RateLimit.ts"
import { safeJson, safeText, visible } from "../text/safe.ts"
import * as Json from "./Json.ts"
import * as Settings from "./settings.ts"
import { putAtStake } from "./streams.ts"

/** Makes a text from elsewhere safe to print: it neither moves the terminal's cursor nor shows a secret. */
export const sanitize = safeText

type Style = "bold" | "dim" | "red" | "green" | "yellow"
const codes: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
}

export interface Look {
  readonly width: number
  readonly style: (style: Style, text: string) => string
  readonly now: number
}

/** The width and the colours of standard output, and the current time. */
export const look = Effect.gen(function* () {
  const { canColor } = yield* TerminalCapabilities
  const isColored = canColor && !(yield* Settings.NoColor)
  const isTerminal = yield* (yield* Stdio.Stdio).stdoutIsTerminal
  return {
    width: isTerminal ? Math.max(20, (yield* (yield* Terminal.Terminal).columns) || 80) : Number.POSITIVE_INFINITY,
    style: (style: Style, text: string) => (isColored ? `\u001b[${codes[style][0]}m${text}\u001b[${codes[style][1]}m` : text),
    now: yield* Clock.currentTimeMillis,
  }
})

/** Prints one line of JSON, or a text for people. */
export const print = Effect.fnUntraced(function* <A, I>(schema: Schema.Codec<A, I>, value: A, text: (look: Look) => string) {
  if (yield* Settings.Json) return yield* Console.log(safeJson(Schema.encodeSync(schema)(value)))
  return yield* Console.log(text(yield* look))
})

export const printKey = (apiKey: ApiKey) => print(Json.Key, apiKey, (look) => describeKey(apiKey, look))

/** Prints a new token, which can't be shown again. */
export const printCreated = Effect.fnUntraced(function* ({ apiKey, token }: Created, outcome: string) {
  putAtStake(`nobody has the token of the API key ${apiKey.keyId}, and it can't be shown again: rotate the key`)
  // A token from a server may contain control characters.
  const text = visible(Redacted.value(token))
  yield* print(Json.Created, { apiKey, token: text }, (look) => `${describeKey(apiKey, look)}\n\n${look.style("bold", text)}`)
  yield* note(`${outcome} Keep the token now: it can't be shown again.`)
})

const batchSize = 200

/** Prints a line for each row, of JSON or of a table, while rows arrive. */
export const printRows = Effect.fnUntraced(function* <A, I, E, R>(
  rows: Stream.Stream<A, E, R>,
  schema: Schema.Codec<A, I>,
  columnsAt: (now: number) => ReadonlyArray<Column<A>>,
  ifNone: string,
) {
  if (yield* Settings.Json) {
    const encode = Schema.encodeSync(schema)
    return yield* Stream.runForEach(rows, (row) => Console.log(safeJson(encode(row))))
  }
  const style = yield* look
  const write = makeTable(columnsAt(style.now), style)
  let count = 0
  yield* rows.pipe(
    Stream.grouped(batchSize),
    Stream.runForEach((batch) => {
      count += batch.length
      return Console.log(write(batch).join("\n"))
    }),
  )
  return count === 0 ? yield* note(ifNone) : undefined
})

/** Prints a text for people to standard error, except with `--json`. */
export const note = Effect.fnUntraced(function* (text: string) {
  if (!(yield* Settings.Json)) yield* Console.error(text)
})

/** `in 3 days`, `2 h ago` */
export const relative = (at: DateTime.Utc | null, now: number, never: string): string => {
  if (at === null) return never
  const distance = at.epochMilliseconds - now
  const seconds = Math.round(Math.abs(distance) / 1_000)
  if (seconds < 5) return "now"
  const text = spell(seconds)
  return distance > 0 ? `in ${text}` : `${text} ago`
}

/** `3 days`, for a time in milliseconds. */
export const span = (millis: number): string => spell(Math.ceil(millis / 1_000))

/** `1 row`, `2 rows` */
export const counted = (count: number, unit: string): string => `${count} ${unit}${count === 1 ? "" : "s"}`

const spell = (seconds: number): string => {
  if (seconds < 90) return `${seconds} s`
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`
  if (seconds < 129_600) return `${Math.round(seconds / 3_600)} h`
  const days = Math.round(seconds / 86_400)
  if (days < 60) return counted(days, "day")
  return days < 730 ? counted(Math.round(days / 30.4), "month") : counted(Math.round(days / 365.25), "year")
}

export interface Column<A> {
  readonly title: string
  readonly text: (row: A) => string
  readonly style?: (row: A) => Style | undefined
  /** The least width of a cut column. Columns without a least width aren't cut. */
  readonly least?: number
}

const gap = 2

/** Narrows the widest columns that may be cut, until the table fits the terminal. */
const shrink = <A>(natural: ReadonlyArray<number>, columns: ReadonlyArray<Column<A>>, width: number): ReadonlyArray<number> => {
  const widths = [...natural]
  for (let over = widths.reduce((sum, each) => sum + each + gap, -gap) - width; over > 0; over--) {
    let widest = -1
    for (const [index, each] of widths.entries()) {
      const least = columns[index]?.least
      if (least !== undefined && each > least && (widest < 0 || each > (widths[widest] ?? 0))) widest = index
    }
    if (widest < 0) break
    widths[widest] = (widths[widest] ?? 1) - 1
  }
  return widths
}

/**
 * Makes a table that is written batch by batch, with titles above the first batch. A later batch may widen the columns, so the first batch
 * needn't wait for it. Only the width of the terminal cuts cells.
 */
export const makeTable = <A>(columns: ReadonlyArray<Column<A>>, look: Look): ((rows: ReadonlyArray<A>) => ReadonlyArray<string>) => {
  const { width, style } = look
  let natural: ReadonlyArray<number> = columns.map(({ title }) => CliOutput.displayWidth(title))
  let isFirst = true
  return (rows) => {
    const texts = rows.map((row) => columns.map(({ text }) => sanitize(text(row))))
    natural = natural.map((widest, index) => texts.reduce((sum, row) => Math.max(sum, CliOutput.displayWidth(row[index] ?? "")), widest))
    const widths = width === Number.POSITIVE_INFINITY ? natural : shrink(natural, columns, width)
    // If the columns still don't fit, the rightmost ones are left out. Lines never wrap.
    const line = (cells: ReadonlyArray<string>, styleOf: (index: number) => Style | undefined): string => {
      let used = 0
      const parts: Array<string> = []
      for (const [index, cell] of cells.entries()) {
        const each = widths[index] ?? 0
        if (index > 0 && used + gap + each > width) break
        used += (index > 0 ? gap : 0) + each
        const padded = fit(cell, each, index === cells.length - 1)
        const chosen = styleOf(index)
        parts.push(chosen === undefined ? padded : style(chosen, padded))
      }
      return parts.join(" ".repeat(gap)).trimEnd()
    }
    const head = () =>
      line(
        columns.map(({ title }) => title),
        () => "bold",
      )
    const lines = texts.map((cells, at) =>
      line(cells, (index) => {
        const row = rows[at]
        return row === undefined ? undefined : columns[index]?.style?.(row)
      }),
    )
    if (!isFirst) return lines
    isFirst = false
    return [head(), ...lines]
  }
}

/** Writes a table in one batch. */
export const table = <A>(rows: ReadonlyArray<A>, columns: ReadonlyArray<Column<A>>, look: Look): ReadonlyArray<string> =>
  makeTable(columns, look)(rows)

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" })

/** Splits a text into its longest beginning of at most `width` columns, and the rest. */
const splitAt = (text: string, width: number): readonly [string, string] => {
  let used = 0
  for (const { segment, index } of graphemes.segment(text)) {
    used += CliOutput.displayWidth(segment)
    if (used > width) return [text.slice(0, index), text.slice(index)]
  }
  return [text, ""]
}

const fit = (text: string, width: number, isLast: boolean): string => {
  const length = CliOutput.displayWidth(text)
  if (length <= width) return isLast ? text : text + " ".repeat(width - length)
  const [cut] = splitAt(text, width - 1)
  return `${cut}…${" ".repeat(Math.max(0, width - 1 - CliOutput.displayWidth(cut)))}`
}

/** Breaks a text into lines of at most `width` columns, at spaces if possible. */
const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let rest = text
  while (CliOutput.displayWidth(rest) > width) {
    const [cut] = splitAt(rest, width)
    const space = rest[cut.length] === " " ? cut.length : cut.lastIndexOf(" ")
    const end = space > 0 ? space : Math.max(1, cut.length)
    lines.push(rest.slice(0, end))
    rest = rest.slice(end).replace(/^ /, "")
  }
  return [...lines, rest]
}

const statusStyle: Readonly<Record<Status | "idle", Style>> = { active: "green", inactive: "yellow", expired: "red", idle: "red" }

/** The status of a key, or `idle` for an active one that wasn't used for its idle timeout. */
const standing = (key: ApiKey, now: number): Status | "idle" => {
  const known = status(key, now)
  const idleAt = known === "active" ? IdleTimeout.idleAt(key) : null
  return idleAt !== null && idleAt.epochMilliseconds <= now ? "idle" : known
}

export const keyColumns = (now: number): ReadonlyArray<Column<ApiKey>> => [
  { title: "NAME", text: ({ name }) => name, least: 8 },
  { title: "KEY ID", text: ({ keyId }) => keyId, least: 8 },
  { title: "STATUS", text: (key) => standing(key, now), style: (key) => statusStyle[standing(key, now)] },
  { title: "EXPIRES", text: ({ expiresAt }) => relative(expiresAt, now, "never") },
  { title: "LAST USED", text: ({ lastUsedAt }) => relative(lastUsedAt, now, "never") },
  { title: "SCOPES", text: ({ scopes }) => scopes.join(" "), least: 8 },
  { title: "OWNER", text: ({ ownerId }) => ownerId ?? "", least: 6 },
]

/** Describes a key with a line for each field. On a narrow terminal a field may take several lines. */
export const describeKey = (key: ApiKey, { now, style, width }: Look): string => {
  const at = (instant: DateTime.Utc | null, never: string) =>
    instant === null ? never : `${new Date(instant.epochMilliseconds).toISOString()} (${relative(instant, now, never)})`
  const { previous } = key
  const idleAt = IdleTimeout.idleAt(key)
  const fields: ReadonlyArray<readonly [string, string, Style?]> = [
    ["id", key.id],
    ["key id", key.keyId],
    ["name", key.name, "bold"],
    ...(key.description === null ? [] : [["description", key.description] as const]),
    ["status", standing(key, now), statusStyle[standing(key, now)]],
    ...(key.deactivatedAt === null
      ? []
      : [["deactivated", `${at(key.deactivatedAt, "")}, ${key.deactivationReason ?? "manual"}`] as const]),
    ["owner", key.ownerId ?? "none"],
    ["scopes", key.scopes.length === 0 ? "none" : key.scopes.join(" ")],
    ["expires", at(key.expiresAt, "never")],
    ["last used", at(key.lastUsedAt, "never")],
    ...(idleAt === null ? [] : [["idle", at(idleAt, "")] as const]),
    ["created", at(key.createdAt, "")],
    ...(key.rotatedAt === null ? [] : [["rotated", at(key.rotatedAt, "")] as const]),
    ...(previous === null ? [] : [["previous", describePrevious(previous, now, at)] as const]),
    // Tokens of another format have no hint.
    ...(key.hint === "" ? [] : [["hint", `${key.hint}, before the last 6 characters of the token`] as const]),
    ["metadata", JSON.stringify(key.metadata)],
    ...describePolicies(key.policies),
  ]
  const label = Math.max(...fields.map(([name]) => name.length)) + 2
  return fields
    .flatMap(([name, value, chosen]) =>
      wrap(sanitize(value), Math.max(8, width - label)).map(
        (text, index) => style("dim", (index === 0 ? name : "").padEnd(label)) + (chosen === undefined ? text : style(chosen, text)),
      ),
    )
    .join("\n")
}

/** The limits and quotas as their flags take them, apart from the other kinds. A value that is neither is shown as it is. */
const describePolicies = (policies: ApiKey["policies"]): ReadonlyArray<readonly [string, string]> => {
  const others = { ...policies }
  const fields: Array<readonly [string, string]> = []
  const { [RateLimit.kind]: limits, [Quota.kind]: quotas } = others
  if (isLimits(limits)) {
    fields.push(["limits", limits.length === 0 ? "none" : limits.map((limit) => ofOwner(RateLimit.format([limit]), limit)).join(", ")])
    delete others[RateLimit.kind]
  }
  if (isQuotas(quotas)) {
    fields.push(["quotas", quotas.map((quota) => ofOwner(Quota.format([quota]), quota)).join(", ")])
    delete others[Quota.kind]
  }
  if (Object.keys(others).length > 0) fields.push(["policies", JSON.stringify(others)])
  return fields
}

const isLimits = Schema.is(Schema.Array(Schema.toEncoded(RateLimit.RateLimit)))
const isQuotas = Schema.is(Quota.Quotas)

const ofOwner = (text: string, { per }: { readonly per?: "key" | "owner" }): string => (per === "owner" ? `${text} per owner` : text)

const describePrevious = (
  { keyId, expiresAt }: PreviousToken,
  now: number,
  at: (instant: DateTime.Utc | null, never: string) => string,
): string =>
  expiresAt !== null && expiresAt.epochMilliseconds <= now
    ? `${keyId} ended ${at(expiresAt, "")}`
    : `${keyId} works until ${at(expiresAt, "a time after the new token's first use")}`

/** Makes a line of progress, which is shown on standard error if that is a terminal. A known total gives a bar. */
export const makeProgress = Effect.fnUntraced(function* (activity: string, unit: string) {
  const isShown = (yield* (yield* Stdio.Stdio).stderrIsTerminal) && !(yield* Settings.Json)
  if (!isShown) return { isShown, show: () => Effect.void, clear: Effect.void } satisfies ProgressLine
  const columns = (yield* (yield* Terminal.Terminal).columns) || 80
  let last = 0
  const write = (text: string) => Effect.sync(() => void process.stderr.write(text))
  return {
    isShown,
    show: (done: number, total?: number, note = "") =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (now - last < 80 && done !== total) return Effect.void
        last = now
        const share = total === undefined || total === 0 ? undefined : Math.min(1, done / total)
        const state =
          share === undefined
            ? `${done.toLocaleString("en")} ${unit}`
            : `[${"█".repeat(Math.round(share * 24)).padEnd(24, "░")}] ${Math.floor(share * 100)} %`
        return write(`\r\u001b[K${`${activity} ${state}${note}`.slice(0, columns - 1)}`)
      }),
    clear: write("\r\u001b[K"),
  } satisfies ProgressLine
})

interface ProgressLine {
  readonly isShown: boolean
  readonly show: (done: number, total?: number, note?: string) => Effect.Effect<void>
  readonly clear: Effect.Effect<void>
}
