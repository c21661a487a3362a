/**
 * A bounded map that keeps the nodes that are used again: SIEVE (Zhang et al., NSDI 2024). A hit sets a mark and moves nothing. A hand goes
 * from old to new, takes marks off, and drops the first node without a mark. Keys that are seen once pass through beside the busy ones,
 * however many they are.
 */
import { Table } from "./table.ts"

/** An entry of a map: the caller's object, with three fields that belong to the map. */
export interface Node<Self> {
  readonly key: string
  /** Its estimated share of the memory, in bytes, which stays the same. */
  readonly size: number
  /** The mark: whether the node was used since the hand came by. */
  isVisited: boolean
  older: Self | undefined
  newer: Self | undefined
}

export class Sieve<A extends Node<A>> {
  private readonly nodes = new Table<A>()
  private readonly entries: number
  private readonly bytes: number
  private readonly leave: (node: A) => void
  private usedBytes = 0
  private oldest: A | undefined
  private newest: A | undefined
  private hand: A | undefined

  /** `leave` is called with each node that was dropped or replaced. */
  constructor(limits: { readonly entries: number; readonly bytes: number }, leave: (node: A) => void) {
    this.entries = limits.entries
    this.bytes = limits.bytes
    this.leave = leave
  }

  get size(): number {
    return this.nodes.size
  }

  /** The nodes from old to new. */
  *values(): Iterable<A> {
    for (let node = this.oldest; node !== undefined; node = node.newer) yield node
  }

  /** Doesn't count as a use. The caller sets the mark if it is one. */
  get(key: string): A | undefined {
    return this.nodes.get(key)
  }

  /** As `get`, but seldom another node (`Table.probable`). */
  probable(key: string): A | undefined {
    return this.nodes.probable(key)
  }

  /** Replaces a node with the same key, and takes over its mark. */
  set(node: A): void {
    const known = this.nodes.get(node.key)
    if (known !== undefined) {
      node.isVisited = known.isVisited
      this.delete(known)
    }
    const { size } = node
    if (this.entries < 1 || size > this.bytes) return
    while (this.nodes.size >= this.entries || this.usedBytes + size > this.bytes) this.evict()
    this.nodes.add(node)
    this.usedBytes += size
    node.older = this.newest
    if (this.newest === undefined) this.oldest = node
    else this.newest.newer = node
    this.newest = node
  }

  private delete(node: A): void {
    this.nodes.delete(node.key)
    this.usedBytes -= node.size
    if (this.hand === node) this.hand = node.newer
    if (node.older === undefined) this.oldest = node.newer
    else node.older.newer = node.newer
    if (node.newer === undefined) this.newest = node.older
    else node.newer.older = node.older
    node.older = node.newer = undefined
    this.leave(node)
  }

  // Each step takes a mark off or ends the walk, and only use puts marks on.
  private evict(): void {
    // An empty map has room for any node that gets here, so this map has a node.
    let node = (this.hand ?? this.oldest)!
    while (node.isVisited) {
      node.isVisited = false
      node = (node.newer ?? this.oldest)!
    }
    this.hand = node.newer
    this.delete(node)
  }
}
