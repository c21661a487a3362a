import * as Schema from "effect/Schema"

interface Documented {
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern: string
}

/**
 * A check that no text fails. The check only adds lengths and a pattern to documents in JSON Schema. The decoder applies the rule elsewhere, with
 * messages of its own. The documented rule may be narrower than the decoder's, never wider.
 */
export const documented = ({ pattern, ...lengths }: Documented) =>
  Schema.makeFilter<string>(() => true, { toJsonSchema: () => ({ ...lengths, pattern }) })
