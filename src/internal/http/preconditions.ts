/** The preconditions of a request (RFC 9110 §13): the entity-tags of its headers, and their meaning for the state of a key. */
import * as Schema from "effect/Schema"
import type { ApiKey } from "../../ApiKey.ts"

// Each repetition begins with a comma, and tags hold no quotes. A field has a single reading, in time linear in its length.
const tag = '(?:W\\/)?"[!#-~\\u0080-\\u00FF]*"'
const fieldPattern = new RegExp(`^(?:\\*|(?:${tag})?(?:[ \\t]*,(?:[ \\t]*${tag})?)*)[ \\t]*$`, "u")

/** `*`, or a list of entity-tags (RFC 9110 §8.8.3), in which empty elements mean nothing (§5.6.1.2). */
const EntityTags = Schema.String.check(Schema.isPattern(fieldPattern, { expected: "* or entity-tags" }))

/** The fields of a request for one key. Several lines of a field are one list. */
export const preconditionHeaders = {
  "if-match": Schema.optionalKey(
    EntityTags.annotate({ description: "Entity-tags of the key, one of which must be its present one, or `*`" }),
  ),
  "if-none-match": Schema.optionalKey(
    EntityTags.annotate({ description: "Entity-tags of the key, none of which may be its present one, or `*`" }),
  ),
}

export type Preconditions = { readonly [Field in keyof typeof preconditionHeaders]?: string | undefined }

/** Of the representation: a version has one. */
export const entityTag = ({ version }: Pick<ApiKey, "version">): string => `"${version}"`

/** Whether nothing depends on the state of a key that exists. */
export const areUnconditional = (headers: Preconditions): boolean =>
  (headers["if-match"] === undefined || isAny(headers["if-match"])) && headers["if-none-match"] === undefined

/**
 * The field that is false for the key, if one is, in the order of §13.2.2. `If-Match` compares strongly, for which a weak tag equals none;
 * `If-None-Match` compares weakly, for which `W/` means nothing (§8.8.3.2).
 */
export const failedPrecondition = (headers: Preconditions, apiKey: ApiKey): keyof Preconditions | undefined => {
  const current = entityTag(apiKey)
  const { "if-match": match, "if-none-match": noneMatch } = headers
  if (match !== undefined && !isAny(match) && !tagsOf(match).includes(current)) return "if-match"
  if (noneMatch === undefined) return undefined
  return namesTag(noneMatch, current) ? "if-none-match" : undefined
}

/** Whether an `If-None-Match` names the tag, compared weakly. Any other text names none. */
export const namesTag = (field: string | undefined, tag: string): boolean =>
  field !== undefined && (isAny(field) || tagsOf(field).some((each) => each.replace(/^W\//, "") === tag))

const isAny = (field: string): boolean => field.trim() === "*"

/** Of a field that has the form of {@link EntityTags}. */
const tagsOf = (field: string): ReadonlyArray<string> => field.match(new RegExp(tag, "g")) ?? []
