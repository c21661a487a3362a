const parameter = "[a-z0-9-]{1,32}=[A-Za-z0-9/+.-]+"

/**
 * Finds the scheme in a hash string without a label. A pattern for JavaScript and PostgreSQL alike: what may match in two ways is longest in
 * the first one, as the one takes the first way and the other the longest.
 */
export const schemePattern = `^(?:\\$legacy-[a-z0-9-]+)?\\$[^$]+(?:\\$(?:[0-9]{1,9}|${parameter}(?:,${parameter})*))*(?=\\$)`
