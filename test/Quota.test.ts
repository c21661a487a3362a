import { assert, describe, it } from "@effect/vitest"
import { Exit, Result, Schema } from "effect"
import { firstIssue } from "../src/internal/schema/firstIssue.ts"
import * as KeyPolicy from "../src/KeyPolicy.ts"
import * as Quota from "../src/Quota.ts"

const decode = Schema.decodeUnknownResult(Quota.Quotas, { onExcessProperty: "error" })
const quota = { name: "monthly", amount: 1_000 }

/** The path and the message of the first issue. */
const issueOf = (quotas: unknown): readonly [path: string, message: string] => {
  const { path, message } = firstIssue(Result.getOrThrow(Result.flip(decode(quotas))).issue)
  return [path.join("."), message]
}

const issueOfRefill = (refill: unknown) => issueOf([{ ...quota, refill }])

describe("Quotas", () => {
  it("are JSON, which stays as it is", () => {
    const quotas = [
      quota,
      { name: "a".repeat(32), amount: 0, per: "owner", whenUnavailable: "local" },
      { name: "per-day_2", amount: Quota.maxUnits, refill: { every: "day" }, per: "key", whenUnavailable: "closed" },
      { name: "b", amount: 1, refill: { every: "week", timeZone: "Asia/Kolkata", mode: "fill" }, whenUnavailable: "open" },
      { name: "c", amount: 10, refill: { every: "hour", timeZone: "Etc/GMT+1", mode: "add", ceiling: 10 } },
    ]
    assert.deepStrictEqual<unknown>(Result.getOrThrow(decode(quotas)), quotas)
    assert.deepStrictEqual<unknown>(Schema.encodeSync(Quota.Quotas)(Result.getOrThrow(decode(quotas))), quotas)
  })

  it("are 1 to 16, with names that differ", () => {
    const named = (count: number) => Array.from({ length: count }, (_, index) => ({ ...quota, name: `q${index}` }))
    assert.isTrue(Result.isSuccess(decode(named(16))))
    assert.deepStrictEqual(issueOf(named(17)), ["", "Expected a value with a length of at most 16"])
    assert.deepStrictEqual(issueOf([]), ["", "Expected a value with a length of at least 1"])
    assert.deepStrictEqual(issueOf([...named(2), quota, { ...quota, amount: 1 }]), [
      "3.name",
      "must differ from the names of the other quotas",
    ])
  })

  it("have names and amounts within bounds", () => {
    for (const name of ["", "A", "1a", "-a", "a b", "a\n", "ä", "a".repeat(33)])
      assert.deepStrictEqual(issueOf([{ ...quota, name }]), ["0.name", "Expected a name such as monthly"])
    for (const amount of [-1, 0.5, Quota.maxUnits + 1, Infinity, "1"]) assert.strictEqual(issueOf([{ ...quota, amount }])[0], "0.amount")
  })

  it("refill by a calendar of a zone that is known", () => {
    assert.deepStrictEqual(issueOfRefill({}), ["0.refill.every", "Missing key"])
    assert.strictEqual(issueOfRefill({ every: "year" })[0], "0.refill.every")
    const noName = "Expected the name of a time zone such as Europe/Berlin"
    for (const timeZone of ["", "+02:00", "Europe/", "Europe/Berlin\n"])
      assert.deepStrictEqual(issueOfRefill({ every: "day", timeZone }), ["0.refill.timeZone", noName])
    assert.deepStrictEqual(issueOfRefill({ every: "day", timeZone: "Europe/Atlantis" }), [
      "0.refill.timeZone",
      "is no time zone that is known here",
    ])
  })

  it("have a ceiling if they are added to, and not otherwise", () => {
    const every = "day"
    assert.deepStrictEqual(issueOfRefill({ every, mode: "add" }), ["0.refill.ceiling", "is required with the mode add"])
    assert.deepStrictEqual(issueOfRefill({ every, ceiling: 1_000 }), ["0.refill.ceiling", "is of the mode add alone"])
    assert.deepStrictEqual(issueOfRefill({ every, mode: "fill", ceiling: 1_000 }), ["0.refill.ceiling", "is of the mode add alone"])
    assert.deepStrictEqual(issueOfRefill({ every, mode: "add", ceiling: 999 }), ["0.refill.ceiling", "must be at least the amount, 1000"])
    assert.deepStrictEqual(issueOfRefill({ every, mode: "other" }), ["0.refill.mode", 'Expected "fill" | "add"'])
  })

  it("are refused as a policy with properties that aren't known", () => {
    const { compile } = KeyPolicy.make({ kind: "quotas", schema: Quota.Quotas, compile: () => ({}) })
    assert.isTrue(Exit.isSuccess(compile([quota])))
    assert.isTrue(Exit.isFailure(compile([{ ...quota, cost: 2 }])))
    assert.isTrue(Exit.isFailure(compile([{ ...quota, refill: { every: "day", at: "noon" } }])))
  })

  it("are texts for people, which give the same quotas again", () => {
    const texts = [
      "monthly=1000/month",
      "once=0",
      "daily=50/day@America/Argentina/Buenos_Aires",
      "a=10/hour:add:50",
      "b=10/week@Etc/GMT+1:add:10",
    ]
    for (const text of [...texts, texts.join(",")]) assert.strictEqual(Quota.format(Result.getOrThrow(Quota.parse(text))), text)
    assert.deepStrictEqual(Result.getOrThrow(Quota.parse(" a=1 , b=2/week@Europe/Berlin")), [
      { name: "a", amount: 1 },
      { name: "b", amount: 2, refill: { every: "week", timeZone: "Europe/Berlin" } },
    ])
    for (const text of [
      "",
      "a",
      "a=",
      "a=1,",
      "a=-1",
      "A=1",
      "a=1,a=2",
      "a=1/year",
      "a=1/day@Nowhere/Else",
      "a=1/day@",
      "a=9/day:add:8",
      "a=1:add:8",
      "a=1/day:add",
    ])
      assert.match(Result.getOrThrow(Result.flip(Quota.parse(text))), /^must be quotas such as monthly/, text)
  })
})
