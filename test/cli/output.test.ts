/** What people read: tables, widths and times. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime } from "effect"
import { CliOutput } from "effect/cli"
import type { ApiKey } from "../../src/ApiKey.ts"
import { counted, describeKey, keyColumns, type Look, makeTable, relative, table } from "../../src/internal/cli/output.ts"
import { Scope } from "../../src/index.ts"
import { makeStoredApiKey } from "../../src/testing.ts"

const now = Date.UTC(2026, 0, 1)
const look = (width: number): Look => ({ width, now, style: (_style, text) => text })
const key = (fields: Partial<ApiKey>): ApiKey => makeStoredApiKey(fields).apiKey
const width = CliOutput.displayWidth

describe("tables", () => {
  const short = key({ name: "a" })
  const long = key({
    name: "a name that is much longer than those before",
    ownerId: "an owner with a long name",
    expiresAt: DateTime.makeUnsafe(now + 1),
  })

  it("cut nothing in a pipe, in a later batch either", () => {
    const write = makeTable(keyColumns(now), look(Number.POSITIVE_INFINITY))
    const first = write([short])
    const second = write([long])
    assert.lengthOf(first, 2)
    assert.lengthOf(second, 1)
    for (const text of [long.name, long.ownerId ?? "", long.keyId]) assert.include(second[0], text)
    // And what comes after is aligned with it.
    assert.strictEqual(write([short])[0]?.indexOf("active"), second[0]?.indexOf("active"))
  })

  it("never cut the columns that mustn't be", () => {
    const write = makeTable(keyColumns(now), look(80))
    write([short])
    const expires = key({ expiresAt: DateTime.makeUnsafe(now + 11 * 86_400_000 * 30.4) })
    assert.include(write([expires])[0], "in 11 months")
  })

  for (const columns of [20, 40, 70, 120]) {
    it(`fit ${columns} columns, with wide characters too`, () => {
      const rows = [
        long,
        key({ name: "鍵".repeat(40), scopes: [Scope.Scope.make("a:b"), Scope.Scope.make("c:d")] }),
        key({ name: "👩‍👩‍👧‍👦e\u0301".repeat(12) }),
      ]
      const lines = table(rows, keyColumns(now), look(columns))
      assert.lengthOf(lines, 4)
      for (const line of lines) assert.isAtMost(width(line), columns, line)
      assert.include(lines[2], "鍵")
      const starts = lines.slice(1).map((line) => width(line.slice(0, line.indexOf(" 0000"))))
      if (columns >= 70) assert.strictEqual(new Set(starts).size, 1, lines.join("\n"))
    })
  }
})

describe("a key", () => {
  it("is wrapped at a terminal, and never cut", () => {
    const shown = key({ name: "n", metadata: { text: "word ".repeat(40) }, scopes: [Scope.Scope.make("invoices:read")] })
    const text = describeKey(shown, look(40))
    for (const line of text.split("\n")) assert.isAtMost(width(line), 40)
    const flat = text.replace(/\s+/g, "")
    for (const part of [shown.id, shown.keyId, "2026-01-01T00:00:00.000Z", JSON.stringify(shown.metadata).replace(/\s+/g, "")]) {
      assert.include(flat, part)
    }
    assert.notInclude(text, "…")
    assert.include(describeKey(key({ hint: "vyp6" }), look(100)), "vyp6, before the last 6 characters")
    assert.notInclude(describeKey(key({ hint: "" }), look(100)), "hint")
  })
})

describe("the limits and quotas of a key", () => {
  it("are written as the flag takes them, and other policies, or what isn't limits, as they are", () => {
    const shown = (policies: ApiKey["policies"]) =>
      describeKey({ ...key({}), policies }, look(200))
        .split("\n")
        .filter((line) => /^(limits|quotas|policies)/.test(line))
        .map((line) => line.replace(/ {2,}/, ": "))
    const burst = { name: "burst", limit: 10, window: "1s" }
    const daily = { name: "daily", limit: 10_000, window: "1 day", algorithm: "bucket", per: "owner" }
    assert.deepStrictEqual(shown(null), [])
    assert.deepStrictEqual(shown({ limits: [burst, daily] }), ["limits: burst=10/1s, daily=10000/1 day:bucket per owner"])
    assert.deepStrictEqual(shown({ limits: [], hours: [8, 18] }), ["limits: none", 'policies: {"hours":[8,18]}'])
    assert.deepStrictEqual(shown({ limits: "many" }), ['policies: {"limits":"many"}'])
    const monthly = { name: "monthly", amount: 9, refill: { every: "month" } }
    assert.deepStrictEqual(shown({ quotas: [monthly, { name: "once", amount: 1, per: "owner" }], limits: [burst] }), [
      "limits: burst=10/1s",
      "quotas: monthly=9/month, once=1 per owner",
    ])
    assert.deepStrictEqual(shown({ quotas: [{ ...monthly, amount: -1 }] }), [
      'policies: {"quotas":[{"name":"monthly","amount":-1,"refill":{"every":"month"}}]}',
    ])
  })
})

describe("a key with an idle timeout", () => {
  it("shows when it becomes idle, and that it is", () => {
    const day = 86_400_000
    const shown = (idleTimeout: string, fields: Partial<ApiKey> = {}) => {
      const record = key({ createdAt: DateTime.makeUnsafe(now - 10 * day), policies: { idleTimeout }, ...fields })
      const [, row = ""] = table([record], keyColumns(now), look(200))
      const lines = describeKey(record, look(200)).split("\n")
      assert.include(
        lines.find((line) => line.startsWith("policies")),
        idleTimeout,
      )
      return [
        /active|inactive|expired|idle/.exec(row)?.[0],
        ...lines.filter((line) => /^(status|idle) /.test(line)).map((line) => line.split(/ {2,}/)[1]),
      ]
    }
    assert.deepStrictEqual(shown("12 days"), ["active", "active", "2026-01-03T00:00:00.000Z (in 2 days)"])
    assert.deepStrictEqual(shown("4 days"), ["idle", "idle", "2025-12-26T00:00:00.000Z (6 days ago)"])
    assert.deepStrictEqual(shown("4 days", { lastUsedAt: DateTime.makeUnsafe(now - day) })[0], "active")
    assert.deepStrictEqual(shown("4 days", { isActive: false })[0], "inactive")
    assert.deepStrictEqual(shown("4 days", { expiresAt: DateTime.makeUnsafe(now - 1) })[0], "expired")
  })
})

describe("times and counts", () => {
  const cases: ReadonlyArray<readonly [seconds: number, text: string]> = [
    [0, "now"],
    [4, "now"],
    [5, "in 5 s"],
    [89, "in 89 s"],
    [90, "in 2 min"],
    [5_400, "in 2 h"],
    [86_400, "in 24 h"],
    [129_600, "in 2 days"],
    [30 * 86_400, "in 30 days"],
    [61 * 86_400, "in 2 months"],
    [800 * 86_400, "in 2 years"],
    [-3_600, "60 min ago"],
    [-86_400 * 3, "3 days ago"],
  ]
  for (const [seconds, text] of cases) {
    it(text, () => assert.strictEqual(relative(DateTime.makeUnsafe(now + seconds * 1_000), now, "never"), text))
  }
  it("never, and one of a thing", () => {
    assert.strictEqual(relative(null, now, "never"), "never")
    assert.deepStrictEqual([counted(0, "row"), counted(1, "API key"), counted(2, "row")], ["0 rows", "1 API key", "2 rows"])
  })
})
