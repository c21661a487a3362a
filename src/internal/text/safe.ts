/** What may be shown of texts that come from elsewhere: names of files, messages of programs, fields of records. */

/** Hides the secret of every token in a text, whatever its prefix. */
export const scrub = (text: string): string => text.replace(/([-_.~:][0-9a-f]{16}[-_.~:])[0-9A-Za-z]{20,}/g, "$1…")

/** Without secrets, and without what would write to a terminal, or turn the direction of text around. */
export const safeText = (text: string): string => visible(scrub(text))

/** Without what would write to a terminal. Secrets stay: of a token that is shown once. */
export const visible = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)

/** The JSON of a value, in which the characters that a terminal obeys are escaped: JSON itself lets most of them stand. */
export const safeJson = (value: unknown): string => escapeJson(JSON.stringify(value))

/** The same of JSON that is a text already. */
export const escapeJson = (json: string): string =>
  // In JSON such characters stand within strings only.
  json.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`).join(""),
  )

/** The same, of a message that may have several lines. */
export const safeLine = (text: string): string => safeText(text.trim().replace(/\s*\n\s*/g, " "))
