export const separators = ["-", "_", ".", "~", ":"] as const
export type Separator = (typeof separators)[number]
export const isSeparator = (text: string): text is Separator => (separators as ReadonlyArray<string>).includes(text)
