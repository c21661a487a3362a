/** The messages between nodes. The triggers of the SQL migrations write the first two. */
import type { ApiKeyId, KeyId } from "../../ApiKey.ts"

export type Message =
  /** The record with this key id was created, changed or deleted. */
  | { readonly _tag: "Changed"; readonly keyId: string }
  /** Any record may have changed. */
  | { readonly _tag: "Everything" }
  /** A change of the record with this id is under way, or may be. A change that `revives` may let a token work that doesn't work yet. */
  | { readonly _tag: "Doubtful"; readonly id: ApiKeyId; readonly change: string; readonly revives: boolean }
  /** The change has ended. Changed are the records with these key ids, or the record with the id if no key ids are known. */
  | { readonly _tag: "Settled"; readonly id: ApiKeyId; readonly change: string; readonly keyIds: ReadonlyArray<string> | undefined }
  | { readonly _tag: "Beat"; readonly node: string; readonly beat: string }
  /** The record has changed, as for `Changed`; each node answers `Confirmed` after applying the change. */
  | { readonly _tag: "Confirm"; readonly change: string; readonly keyId: string }
  | { readonly _tag: "Confirmed"; readonly change: string; readonly node: string }
  /** The node has stopped, and no longer uses its memory. */
  | { readonly _tag: "Left"; readonly node: string }
  /** A newer node's message that isn't a change of a record. */
  | { readonly _tag: "Ignored" }

export const changed = (keyId: KeyId): string => `changed ${keyId}`
export const everything = "everything"
export const doubtful = (id: ApiKeyId, change: string, revives: boolean): string =>
  `doubtful ${id} ${change}${revives ? ` ${reviving}` : ""}`
export const settled = (id: ApiKeyId, change: string, keyIds: ReadonlyArray<KeyId> | undefined): string =>
  ["settled", id, change, ...(keyIds ?? ["*"])].join(" ")
export const beat = (node: string, count: string): string => `beat ${node} ${count}`
export const confirm = (change: string, keyId: KeyId): string => `confirm ${change} ${keyId}`
export const confirmed = (change: string, node: string): string => `confirmed ${change} ${node}`

/** A message that begins with this may be passed over by nodes that don't know it. */
const ignorable = "?"
const reviving = "revives"
const hasLeft = `${ignorable}left `
export const left = (node: string): string => `${hasLeft}${node}`

// Not by its schema, for which the bundle would have one file more to load at each start.
const isId = (text: string | undefined): text is ApiKeyId =>
  text !== undefined && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)

/** Any other message that can't be understood, a newer node's perhaps, may mean any change. */
export const parse = (text: string): Message => {
  if (text.startsWith(hasLeft)) return { _tag: "Left", node: text.slice(hasLeft.length) }
  if (text.startsWith(ignorable)) return { _tag: "Ignored" }
  const [tag, first, second, ...more] = text.split(" ")
  // An id that is none can't be asked about.
  if (tag === "settled" && isId(first) && second) {
    const [only] = more
    return { _tag: "Settled", id: first, change: second, keyIds: only === "*" ? undefined : more }
  }
  if (tag === "doubtful" && isId(first) && second && (more.length === 0 || (more.length === 1 && more[0] === reviving))) {
    return { _tag: "Doubtful", id: first, change: second, revives: more.length === 1 }
  }
  if (more.length > 0) return { _tag: "Everything" }
  if (tag === "changed" && first && second === undefined) return { _tag: "Changed", keyId: first }
  if (tag === "beat" && first && second) return { _tag: "Beat", node: first, beat: second }
  if (tag === "confirm" && first && second) return { _tag: "Confirm", change: first, keyId: second }
  if (tag === "confirmed" && first && second) return { _tag: "Confirmed", change: first, node: second }
  return { _tag: "Everything" }
}
