/** By itself, since what is public of it needs no types of Node's. */
export type Encoding = "utf-8" | "utf-16le" | "utf-16be"
