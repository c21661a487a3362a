/**
 * The encoding of a token. UTF-8 stands for every encoding that shares ASCII with it.
 * @category models
 * @since 0.1.0
 */
export type Encoding = "utf-8" | "utf-16le" | "utf-16be"
