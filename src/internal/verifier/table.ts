/**
 * Finds nodes by their keys, with fewer waits for memory than a `Map` (decision 0078). Among many keys each object that is read is such a
 * wait. A `Map` reads the keys of its nodes. Here the hashes lie side by side in an array. The table uses open addressing with linear
 * probing (Knuth, TAOCP 3, 6.4).
 */

/** The number of places at first is this power of two. */
const initialBits = 4

export class Table<A extends { readonly key: string }> {
  /** The hash of the node's key, by place, or {@link empty}. */
  private hashes = new Int32Array(2 ** initialBits)
  private nodes: Array<A | undefined> = emptyPlaces(2 ** initialBits)
  /** The place of a hash is given by its highest bits. */
  private shift = 32 - initialBits
  /** A random factor for each place of a character. With known factors, many keys could be made up that have one hash. */
  private readonly factors = globalThis.crypto.getRandomValues(new Int32Array(maxLength))
  size = 0

  get(key: string): A | undefined {
    const place = this.placeOf(key)
    return place < 0 ? undefined : this.nodes[place]
  }

  /**
   * As `get`, but it may give the node of another key with the same hash, which is rare. The caller tells the two apart by the node's
   * content.
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

  /** Adds a node. No other node may have its key. */
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
    // A node behind the hole moves into it, if its search begins at the hole or before it.
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

  /** The place of the key's node, or a negative number if there is none. */
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

/** The greatest length of a key id, in characters. Longer texts use the factors again. */
const maxLength = 128

/**
 * Multilinear hashing (Lemire and Kaser, "Strongly universal string hashing is fast", 2014). The highest bits of two keys' hashes agree by
 * chance alone.
 */
const hashOf = (key: string, factors: Int32Array): number => {
  let hash = key.length
  for (let index = 0; index < key.length; index++) {
    // The index lies within the list.
    hash = (hash + Math.imul(factors[index & (maxLength - 1)]!, key.charCodeAt(index))) | 0
  }
  return hash === empty ? 1 : hash
}
