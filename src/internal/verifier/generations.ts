/**
 * Counts changes by key id, in a table of fixed size. Key ids that share a place share a count, which costs further look-ups and no more.
 */

const places = 4_096

export interface Generations {
  /** Differs from its value before any change of the key. */
  readonly of: (keyId: string) => number
  /** Differs from its value before any change of one of the keys. */
  readonly ofAll: (keyIds: ReadonlyArray<string>) => number
  readonly changed: (keyId: string) => void
  readonly everythingChanged: () => void
}

export const make = (): Generations => {
  const counts = new Float64Array(places)
  let all = 0
  return {
    // Both counts only grow, so a change of either changes their sum.
    of: (keyId) => counts[placeOf(keyId)]! + all,
    ofAll: (keyIds) => {
      let sum = 0
      for (const keyId of keyIds) sum += counts[placeOf(keyId)]! + all
      return sum
    },
    changed: (keyId) => {
      const place = placeOf(keyId)
      // `placeOf` gives a place within the table.
      counts[place] = counts[place]! + 1
    },
    everythingChanged: () => {
      all++
    },
  }
}

/** FNV-1a, 32 bits. */
const placeOf = (keyId: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < keyId.length; i++) hash = Math.imul(hash ^ keyId.charCodeAt(i), 0x01000193)
  return (hash ^ (hash >>> 12)) & (places - 1)
}
