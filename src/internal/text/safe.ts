/** Texts from elsewhere, made safe to show: names of files, messages of programs, fields of records. */

/** Hides the secret of every token in a text, with any prefix. */
export const scrub = (text: string): string => text.replace(/([-_.~:][0-9a-f]{16}[-_.~:])[0-9A-Za-z]{20,}/g, "$1…")

/** A text without secrets. Characters that control a terminal, or turn the direction of text around, are escaped. */
export const safeText = (text: string): string => visible(scrub(text))

/** As {@link safeText}, but secrets stay: for a token that is shown once. */
export const visible = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)

/** The JSON of a value, in which characters that control a terminal are escaped. JSON itself escapes only those below U+0020. */
export const safeJson = (value: unknown): string => escapeJson(JSON.stringify(value))

/** As {@link safeJson}, for a text that is compact JSON already. */
export const escapeJson = (json: string): string =>
  // In compact JSON such characters stand within strings only.
  json.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`).join(""),
  )

/** As {@link safeText}, with the lines of a message joined. */
export const safeLine = (text: string): string => safeText(text.trim().replace(/\s*\n\s*/g, " "))
