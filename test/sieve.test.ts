import { assert, describe, it } from "@effect/vitest"
import { type Node, Sieve } from "../src/internal/verifier/sieve.ts"

interface Item extends Node<Item> {}

const item = (key: string, size = 1): Item => ({ key, size, isVisited: false, older: undefined, newer: undefined })
const keysOf = (sieve: Sieve<Item>) => Array.from(sieve.values(), ({ key }) => key).sort()

const make = (limits: { readonly entries: number; readonly bytes: number }) => {
  const left: Array<string> = []
  return { left, sieve: new Sieve<Item>(limits, ({ key }) => left.push(key)) }
}

describe("Sieve", () => {
  it("drops what wasn't used, oldest first, until a node has room, by number and by bytes", () => {
    const { sieve, left } = make({ entries: 4, bytes: 10 })
    for (const key of ["a", "b", "c", "d"]) sieve.set(item(key, 2))
    sieve.set(item("e", 1))
    assert.deepStrictEqual(left, ["a"])
    sieve.set(item("f", 7))
    assert.deepStrictEqual(left, ["a", "b", "c"])
    assert.deepStrictEqual(keysOf(sieve), ["d", "e", "f"])
    // What will never have room drops nothing but what it replaces.
    sieve.set(item("g", 11))
    sieve.set(item("f", 11))
    assert.deepStrictEqual(keysOf(sieve), ["d", "e"])
    for (const key of ["h", "i", "j"]) sieve.set(item(key, 3))
    assert.deepStrictEqual(keysOf(sieve), ["e", "h", "i", "j"])
  })

  it("spares what was used since the hand came by, once", () => {
    const { sieve, left } = make({ entries: 3, bytes: 100 })
    for (const key of ["a", "b", "c"]) sieve.set(item(key))
    sieve.get("a")!.isVisited = true
    sieve.set(item("d"))
    assert.deepStrictEqual(left, ["b"])
    sieve.set(item("e"))
    sieve.set(item("f"))
    assert.deepStrictEqual(left, ["b", "c", "d"])
    // It passes by the others too, and comes round to what nobody has used again.
    for (const node of sieve.values()) node.isVisited = node.key !== "a"
    sieve.set(item("g"))
    assert.deepStrictEqual(left, ["b", "c", "d", "a"])
  })

  it("keeps the mark of what is replaced", () => {
    const { sieve, left } = make({ entries: 2, bytes: 100 })
    sieve.set(item("a"))
    sieve.get("a")!.isVisited = true
    sieve.set(item("a"))
    sieve.set(item("b"))
    sieve.set(item("c"))
    assert.deepStrictEqual(left, ["a", "b"])
    assert.deepStrictEqual(keysOf(sieve), ["a", "c"])
  })

  it("keeps a node that takes all of its room, and none where it has room for none", () => {
    const one = make({ entries: 1, bytes: 10 })
    one.sieve.set(item("a", 10))
    assert.deepStrictEqual([keysOf(one.sieve), one.sieve.size], [["a"], 1])
    const none = make({ entries: 0, bytes: 10 })
    none.sieve.set(item("a", 1))
    assert.deepStrictEqual([none.sieve.size, none.left], [0, []])
  })

  it("takes all marks off where all were used, and drops the oldest", () => {
    const { sieve, left } = make({ entries: 3, bytes: 100 })
    for (const key of ["a", "b", "c"]) sieve.set(item(key))
    for (const node of sieve.values()) node.isVisited = true
    sieve.set(item("d"))
    assert.deepStrictEqual(left, ["a"])
    assert.deepStrictEqual(
      Array.from(sieve.values(), ({ isVisited }) => isVisited),
      [false, false, false],
    )
  })

  it("goes on from where it was, whichever node is replaced", () => {
    for (const [replaced, next] of [
      ["b", "c"],
      ["c", "b"],
    ] as const) {
      const { sieve, left } = make({ entries: 3, bytes: 100 })
      for (const key of ["a", "b", "c", "d"]) sieve.set(item(key))
      // The hand has come to the second one.
      sieve.set(item(replaced))
      sieve.set(item("e"))
      assert.deepStrictEqual(left, ["a", replaced, next])
      sieve.set(item("f"))
      assert.deepStrictEqual(keysOf(sieve), [replaced, "e", "f"].sort())
    }
  })
})
