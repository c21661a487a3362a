/** PostgreSQL stores neither NUL nor unpaired surrogates, so no text of ours contains them. */
export const isStorableText = (text: string): boolean => text.isWellFormed() && !text.includes("\0")
