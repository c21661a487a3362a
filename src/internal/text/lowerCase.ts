/**
 * Unicode's simple lower case: each code point by itself. So a part of a text stays a part in lower case. Only `İ` would become two code
 * points.
 */
export const toSimpleLowerCase = (text: string): string =>
  Array.from(text, (character) => (character === "İ" ? "i" : character.toLowerCase())).join("")
