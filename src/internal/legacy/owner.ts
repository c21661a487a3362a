/** Rules for the owner of a key where one column alone doesn't name the owner. The user 1 and the organisation 1 are two owners. */
import * as Result from "effect/Result"

/**
 * Texts with names of columns in braces, such as `{owner_type}:{owner_id}`, or a function of the row. The first text without an empty column
 * counts; if all columns are empty, the key has no owner.
 * @category models
 */
export type OwnerRule = string | ReadonlyArray<string> | ((row: Readonly<Record<string, unknown>>) => string | null)

/** Texts and columns in turn, with a text at both ends. */
interface Template {
  readonly texts: ReadonlyArray<string>
  readonly columns: ReadonlyArray<string>
}

/** Gives a column's text, `null` for an empty one. Throws for a missing column. */
type ReadColumn = (column: string) => string | null

/** Throws the refusal of a row. */
type Refuse = (column: string, reason: string) => never

/** Gives the owner of a row. */
export type ReadOwner = (read: ReadColumn, refuse: Refuse) => string | null

/** Reads a rule of texts. A rule that could give one owner to rows with different columns fails with the reason. */
export const parseOwnerRule = (rule: string | ReadonlyArray<string>): Result.Result<ReadOwner, string> => {
  const templates: Array<Template> = []
  for (const text of typeof rule === "string" ? [rule] : rule) {
    const parts = text.split(/\{([^{}]+)\}/)
    const template = { texts: parts.filter((_, index) => index % 2 === 0), columns: parts.filter((_, index) => index % 2 === 1) }
    const reason = whyNot(template)
    if (reason !== undefined)
      return Result.fail(`${reason}: expected text such as {owner_type}:{owner_id}, with names of columns in braces`)
    templates.push(template)
  }
  if (templates.length === 0) return Result.fail("It is empty: expected text such as {owner_type}:{owner_id}")
  const starts = templates.map(startOf)
  return starts.some((start, index) => starts.some((other, at) => at !== index && other.startsWith(start)))
    ? Result.fail("Each of several texts has to begin otherwise than the others, such as user:{user_id} and org:{org_id}")
    : Result.succeed(readBy(templates))
}

const startOf = ({ texts }: Template): string => texts[0] ?? ""

const whyNot = ({ texts, columns }: Template): string | undefined => {
  if (columns.length === 0) return "It names no column"
  if (texts.some((text) => /[{}]/.test(text))) return "It has a brace too many"
  return texts.slice(1, -1).includes("") ? "Something has to stand between two columns" : undefined
}

const readBy =
  (templates: ReadonlyArray<Template>): ReadOwner =>
  (read, refuse) => {
    let empty: string | undefined
    for (const template of templates) {
      const { columns } = template
      const values = columns.map(read)
      const whole = values.filter((value) => value !== null)
      if (whole.length === columns.length) return fill(template, whole, refuse)
      if (whole.length > 0) empty ??= columns[values.indexOf(null)]
    }
    return empty === undefined ? null : refuse(empty, "It is empty, and the rule for the owner needs it")
  }

const fill = ({ texts, columns }: Template, values: ReadonlyArray<string>, refuse: Refuse): string =>
  values.reduce((owner, value, index) => {
    const next = texts[index + 1] ?? ""
    // Two rows would get one owner otherwise. With `:` in between, `a:b` and `c` read as `a` and `b:c`. With `--` in between, `a-` and `b` read
    // as `a` and `-b`.
    if (index + 1 < values.length && (value + next).indexOf(next) !== value.length) {
      refuse(columns[index] ?? "", `It has in it what the rule for the owner puts behind it (${next}); put something else there`)
    }
    return owner + value + next
  }, texts[0] ?? "")

const stems = (
  "owner user account customer client organization organisation tenant member person subject actor principal holder bearer entity " +
  "identity reference tokenable keyable apikeyable ownable authenticatable creator issuer"
).split(" ")

const kinds = ["type", "kind", "class", "model"]

/** Columns that may hold the kind of owner, also for a column that was chosen as the owner. Case and underscores make no difference. */
export const kindColumns = (chosen: string | null | undefined): ReadonlyArray<string> => {
  const own = typeof chosen === "string" ? [chosen.replace(/_?(?:id|ID|Id|uuid)$/, "")] : []
  // Columns of Django's generic foreign keys.
  return [...stems, ...own].flatMap((stem) => kinds.map((kind) => stem + kind)).concat("content_type", "content_type_id")
}
