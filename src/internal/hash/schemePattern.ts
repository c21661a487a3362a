const parameter = "[a-z0-9-]{1,32}=[A-Za-z0-9/+.-]+"

/**
 * Finds the scheme in a hash string without a label, in JavaScript and PostgreSQL alike. JavaScript takes the first way to match, and
 * PostgreSQL the longest. So the first way must be the longest one.
 */
export const schemePattern = `^(?:\\$legacy-[a-z0-9-]+)?\\$[^$]+(?:\\$(?:[0-9]{1,9}|${parameter}(?:,${parameter})*))*(?=\\$)`
