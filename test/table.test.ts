import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Table } from "../src/internal/verifier/table.ts"

interface Item {
  readonly key: string
  readonly value: number
}

const Step = Schema.Struct({ isDelete: Schema.Boolean, key: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 80 })) })

/** Of lengths and characters that key ids have, and others. */
const keyOf = (number: number): string => (number % 3 === 0 ? `${number}` : `${number}`.padStart(number % 3 === 1 ? 16 : 128, "0")) + "!"

describe("Table", () => {
  it.prop("gives what a map does, whatever is added and deleted", [Schema.Array(Step).check(Schema.isMaxLength(400))], ([steps]) => {
    const table = new Table<Item>()
    const map = new Map<string, Item>()
    steps.forEach(({ isDelete, key: number }, value) => {
      const key = keyOf(number)
      if (isDelete) {
        table.delete(key)
        map.delete(key)
      } else if (!map.has(key)) {
        const item = { key, value }
        table.add(item)
        map.set(key, item)
      }
      assert.strictEqual(table.size, map.size)
    })
    for (let number = 0; number <= 80; number++) {
      const key = keyOf(number)
      assert.strictEqual(table.get(key), map.get(key))
      // Of so few keys none have the same hash, but for one run in many thousands.
      assert.strictEqual(table.probable(key), map.get(key))
    }
  })

  it("finds each of many through growth and many deletions, and none beside them", () => {
    const table = new Table<Item>()
    const count = 20_000
    const keys = Array.from({ length: count }, (_, value) => value.toString(16).padStart(16, "0"))
    keys.forEach((key, value) => table.add({ key, value }))
    keys.forEach((key, value) => {
      if (value % 3 !== 0) table.delete(key)
    })
    keys.forEach((key, value) => assert.strictEqual(table.get(key)?.value, value % 3 === 0 ? value : undefined))
    keys.forEach((key, value) => {
      if (value % 3 !== 0) table.add({ key, value })
    })
    keys.forEach((key, value) => assert.strictEqual(table.get(key)?.value, value))
    assert.isUndefined(table.get("ffffffffffffffff"))
    assert.isUndefined(table.probable("ffffffffffffffff"))
    assert.strictEqual(table.size, count)
  })

  it("tells keys with the same hash apart where it is asked for one exactly", () => {
    const table = new Table<Item>()
    // The factors repeat beyond the length that a key id has, so these two have one hash.
    const a = `a${"-".repeat(127)}b`
    const b = `b${"-".repeat(127)}a`
    table.add({ key: a, value: 1 })
    table.add({ key: b, value: 2 })
    assert.deepStrictEqual([table.get(a)?.value, table.get(b)?.value], [1, 2])
    assert.deepStrictEqual([table.probable(a)?.value, table.probable(b)?.value], [1, 1])
    table.delete(a)
    assert.deepStrictEqual([table.get(a)?.value, table.get(b)?.value], [undefined, 2])
    assert.strictEqual(table.probable(a)?.value, 2)
  })
})
