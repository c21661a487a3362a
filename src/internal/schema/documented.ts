import * as Schema from "effect/Schema"

interface Documented {
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern: string
}

/**
 * A check that no text fails. It tells documents in JSON Schema what the decoder refuses further on, in words of its own. What it tells
 * may be narrower than what the decoder takes, never wider.
 */
export const documented = ({ pattern, ...lengths }: Documented) =>
  Schema.makeFilter<string>(() => true, { toJsonSchema: () => ({ ...lengths, pattern }) })
