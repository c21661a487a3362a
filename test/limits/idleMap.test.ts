import { assert, describe, it } from "@effect/vitest"
import { IdleMap } from "../../src/internal/limits/idleMap.ts"

describe("a map of values that fall idle", () => {
  it("holds few more than are in use, and all of those", () => {
    const map = new IdleMap<number>((until, now) => until <= now)
    for (let now = 0; now < 5_000; now++) {
      map.dropIdle(now)
      map.set(`${now}`, now + 100)
      assert.isAtMost(map.size, 400)
      assert.strictEqual(map.get(`${Math.max(0, now - 99)}`), Math.max(0, now - 99) + 100)
    }
  })

  it("looks at two values for each that is added", () => {
    let looks = 0
    const map = new IdleMap<number>(() => {
      looks++
      return false
    })
    for (let now = 0; now < 10_000; now++) {
      map.set(`${now}`, now)
      const before = looks
      map.dropIdle(now)
      map.dropIdle(now)
      assert.isAtMost(looks - before, 2)
    }
    assert.isAbove(looks, 10_000)
  })
})
