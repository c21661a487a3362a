/**
 * A copy that doesn't keep alive the longer text that it was cut from, a token perhaps. It takes a byte a character where the text's own
 * characters do.
 */
export const flat = <Text extends string>(text: Text): Text =>
  // The characters stay the same, and so does what a brand stands for.
  JSON.parse(JSON.stringify(text)) as Text
