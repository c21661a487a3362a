import { assert, describe, it } from "@effect/vitest"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as KeyPolicy from "../src/KeyPolicy.ts"

describe("make", () => {
  const make = () => {
    const values: Array<unknown> = []
    const compiled: KeyPolicy.Compiled = { rule: () => undefined }
    const schema = Schema.Struct({ from: Schema.Int, until: Schema.optionalKey(Schema.Int) })
    const policy = KeyPolicy.make({ kind: "hours", schema, compile: (value) => (values.push(value), compiled) })
    return { policy, values, compiled }
  }

  it("compiles values of its kind", () => {
    const { policy, values, compiled } = make()
    assert.strictEqual(policy.kind, "hours")
    assert.deepStrictEqual(policy.compile({ from: 8 }), Exit.succeed(compiled))
    assert.deepStrictEqual(values, [{ from: 8 }])
  })

  it("compiles no other value, nor one with a property that its kind doesn't know", () => {
    const { policy, values } = make()
    for (const value of [undefined, null, "late", {}, { from: "8" }, { from: 8, to: 10 }]) {
      assert.isTrue(Exit.isFailure(policy.compile(value)), JSON.stringify(value))
    }
    assert.deepStrictEqual(values, [])
  })
})
