import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/**
 * Where the keys are kept.
 * @category models
 * @since 0.1.0
 */
export interface TableOptions {
  /** The table's name: letters, digits and `_`, at most 40. Default: `api_keys`. */
  readonly table?: string | undefined
  /** The schema that holds it, at most 63 characters. Default: the first of the connection's search path. */
  readonly schema?: string | undefined
}

/** The name of a table or schema is too long, or has characters beside letters, digits and `_`. @category errors @since 0.1.0 */
export class InvalidIdentifier extends Schema.TaggedError<InvalidIdentifier>()("InvalidIdentifier", { identifier: Schema.String }) {
  override get message(): string {
    return `"${this.identifier}" isn't a name for a table or schema`
  }
}

/** Names that are safe to write into SQL, as {@link resolve} has checked each. */
export interface Table {
  readonly table: string
  readonly schema: string | undefined
  /** Quoted, with the schema when there is one. */
  readonly qualified: string
  /** The table in which nodes register, quoted likewise. */
  readonly nodes: string
  /** The table of reports that were carried out, quoted likewise. */
  readonly reports: string
  /** The table of the peppers that hashes were made under, quoted likewise. */
  readonly peppers: string
  /** The table of the balances of meters, that of their changes by hand, and the function that takes units, quoted likewise. */
  readonly meters: string
  readonly meterChanges: string
  readonly lease: string
  /** The function that announces changes, quoted likewise. */
  readonly tell: string
}

/**
 * The SQL for the channel of a table's changes, by the SQL for the table's identity. A connection that finds the table by any search path has
 * the channel. Connections to other tables have other channels.
 */
export const channelOf = (oid: string): string => `'effect_api_key_' || ${oid}`

const defaultTable = "api_keys"

export const resolve = ({ table = defaultTable, schema }: TableOptions): Effect.Effect<Table, InvalidIdentifier> => {
  // 23 characters are left for the ends of the indexes' names.
  if (!isIdentifier(table, 40)) return Effect.fail(new InvalidIdentifier({ identifier: table }))
  if (schema !== undefined && !isIdentifier(schema, 63)) return Effect.fail(new InvalidIdentifier({ identifier: schema }))
  return Effect.succeed({
    table,
    schema,
    qualified: qualify(schema, table),
    nodes: qualify(schema, `${table}_nodes`),
    reports: qualify(schema, `${table}_reports`),
    peppers: qualify(schema, `${table}_peppers`),
    meters: qualify(schema, `${table}_meters`),
    meterChanges: qualify(schema, `${table}_meter_changes`),
    lease: qualify(schema, `${table}_lease`),
    tell: qualify(schema, `${table}_tell`),
  })
}

export const qualify = (schema: string | undefined, name: string): string => (schema === undefined ? `"${name}"` : `"${schema}"."${name}"`)

const isIdentifier = (text: string, maxLength: number): boolean => text.length <= maxLength && /^[A-Za-z_][A-Za-z0-9_]*$/.test(text)
