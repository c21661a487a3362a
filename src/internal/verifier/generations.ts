/** Counts changes by key id, in a table of fixed size: key ids that share a place count each other's, which costs a look-up and no more. */

const places = 4_096

export interface Generations {
  /** Differs from what it was before any change of the key. */
  readonly of: (keyId: string) => number
  /** Differs from what it was before any change of one of the keys. */
  readonly ofAll: (keyIds: ReadonlyArray<string>) => number
  readonly changed: (keyId: string) => void
  readonly everythingChanged: () => void
}

export const make = (): Generations => {
  const counts = new Float64Array(places)
  let all = 0
  return {
    // Both only grow, so their sum differs after either.
    of: (keyId) => counts[placeOf(keyId)]! + all,
    ofAll: (keyIds) => {
      let sum = 0
      for (const keyId of keyIds) sum += counts[placeOf(keyId)]! + all
      return sum
    },
    changed: (keyId) => {
      const place = placeOf(keyId)
      // `placeOf` lies within the table.
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
