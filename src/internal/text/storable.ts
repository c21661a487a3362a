/** PostgreSQL stores neither NUL nor unpaired surrogates, so no stored text contains them. */
export const isStorableText = (text: string): boolean => text.isWellFormed() && !text.includes("\0")
