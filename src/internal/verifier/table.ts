/**
 * Finds nodes by their keys with fewer waits for memory than a `Map`: among many keys each object that is read is one, and a `Map` reads the keys
 * of its nodes. Open addressing with linear probing (Knuth, TAOCP 3, 6.4): the hashes lie side by side in an array of their own.
 */

/** How many places there are at first: a power of two. */
const initialBits = 4

export class Table<A extends { readonly key: string }> {
  /** By place: the hash of its node's key, or {@link empty}. */
  private hashes = new Int32Array(2 ** initialBits)
  private nodes: Array<A | undefined> = emptyPlaces(2 ** initialBits)
  /** The place of a hash is given by its highest bits. */
  private shift = 32 - initialBits
  /** A factor for each place of a character. Nobody knows them outside of the process, or many keys could be made up that have one hash. */
  private readonly factors = globalThis.crypto.getRandomValues(new Int32Array(maxLength))
  size = 0

  get(key: string): A | undefined {
    const place = this.placeOf(key)
    return place < 0 ? undefined : this.nodes[place]
  }

  /**
   * The same, but for keys with the same hash, of which there is a pair in some tens of millions: then it may give another key's node. For callers who
   * find out by what else the node says.
   */
  probable(key: string): A | undefined {
    const { hashes, shift } = this
    const last = hashes.length - 1
    const hash = hashOf(key, this.factors)
    for (let place = hash >>> shift; ; place = (place + 1) & last) {
      const other = hashes[place]
      if (other === hash) return this.nodes[place]
      if (other === empty) return undefined
    }
  }

  /** Adds a node, whose key no other one has. */
  add(node: A): void {
    // At most four places of five are taken, so that a search ends soon.
    if ((this.size + 1) * 5 > this.hashes.length * 4) this.grow()
    this.put(node, hashOf(node.key, this.factors))
    this.size++
  }

  delete(key: string): void {
    const { hashes, nodes, shift } = this
    const last = hashes.length - 1
    let hole = this.placeOf(key)
    if (hole < 0) return
    this.size--
    // A node behind the hole that is sought from before it, or from it, comes into it.
    for (let place = (hole + 1) & last; hashes[place] !== empty; place = (place + 1) & last) {
      // The place lies within the table.
      const home = hashes[place]! >>> shift
      if (((place - home) & last) < ((place - hole) & last)) continue
      hashes[hole] = hashes[place]!
      nodes[hole] = nodes[place]
      hole = place
    }
    hashes[hole] = empty
    nodes[hole] = undefined
  }

  /** Negative if there is none. */
  private placeOf(key: string): number {
    const { hashes, nodes, shift } = this
    const last = hashes.length - 1
    const hash = hashOf(key, this.factors)
    for (let place = hash >>> shift; hashes[place] !== empty; place = (place + 1) & last) {
      if (hashes[place] === hash && nodes[place]?.key === key) return place
    }
    return -1
  }

  private put(node: A, hash: number): void {
    const { hashes } = this
    const last = hashes.length - 1
    let place = hash >>> this.shift
    while (hashes[place] !== empty) place = (place + 1) & last
    hashes[place] = hash
    this.nodes[place] = node
  }

  private grow(): void {
    const { hashes, nodes } = this
    this.hashes = new Int32Array(hashes.length * 2)
    this.nodes = emptyPlaces(hashes.length * 2)
    this.shift--
    nodes.forEach((node, place) => {
      // The place lies within the table.
      if (node !== undefined) this.put(node, hashes[place]!)
    })
  }
}

const emptyPlaces = <A>(count: number): Array<A | undefined> => Array.from({ length: count }, () => undefined)

/** The hash of no key. */
const empty = 0

/** Of a key id, in characters. Longer texts are told apart by fewer factors. */
const maxLength = 128

/**
 * Multilinear hashing (Lemire and Kaser, "Strongly universal string hashing is fast", 2014): where two keys differ, their highest bits agree by chance
 * alone.
 */
const hashOf = (key: string, factors: Int32Array): number => {
  let hash = key.length
  for (let index = 0; index < key.length; index++) {
    // The index lies within the list.
    hash = (hash + Math.imul(factors[index & (maxLength - 1)]!, key.charCodeAt(index))) | 0
  }
  return hash === empty ? 1 : hash
}
