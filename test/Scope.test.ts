import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import * as Scope from "../src/Scope.ts"

const isScope = Schema.is(Scope.Scope)
const segment = Schema.Literals(["a", "b", "c-1", "x.y_z"])
const path = Schema.NonEmptyArray(segment)

describe("Scope", () => {
  it("has a grammar", () => {
    for (const scope of ["a", "*", "a:b", "a:*", "a:b:*", "a.b_c-d:0", "a".repeat(128)]) assert.isTrue(isScope(scope), scope)
    for (const scope of ["", ":", "a:", ":a", "a::b", "*:a", "a*", "a:*:b", "**", "A", "a b", "a\n", "ä", "a".repeat(129)]) {
      assert.isFalse(isScope(scope), JSON.stringify(scope))
    }
  })

  it("says what a scope is, to people and in JSON Schema", () => {
    const error = Result.getOrThrow(Result.flip(Schema.decodeUnknownResult(Scope.Scope)("A b")))
    assert.strictEqual(error.message, "Expected a scope such as invoices:read")
    const { schema, definitions } = Schema.toJsonSchemaDocument(Scope.Scope)
    assert.deepStrictEqual(schema, { $ref: "#/$defs/Scope" })
    assert.deepInclude(definitions["Scope"], { type: "string", maxLength: 128, examples: ["invoices:read"] })
  })

  it("satisfies what the documentation says", () => {
    assert.isTrue(Scope.satisfies(["*"], ["anything:at:all"]))
    assert.isTrue(Scope.satisfies(["invoices:*"], ["invoices:read"]))
    assert.isTrue(Scope.satisfies(["invoices:*"], ["invoices:a:b", "invoices:*"]))
    assert.isFalse(Scope.satisfies(["invoices:*"], ["invoices"]))
    assert.isFalse(Scope.satisfies(["invoices:*"], ["invoices:"]))
    assert.isFalse(Scope.satisfies(["invoices:*"], ["invoicesx:read"]))
    assert.isFalse(Scope.satisfies(["invoices:read"], ["invoices:*"]))
    assert.isFalse(Scope.satisfies(["invoices:read"], ["*"]))
    assert.isFalse(Scope.satisfies(["invoices"], ["invoices:read"]))
    assert.isFalse(Scope.satisfies(["a"], ["a", "b"]))
    assert.isFalse(Scope.satisfies([], ["a"]))
    assert.isTrue(Scope.satisfies([], []))
  })

  it.effect.prop(
    "agrees with a plain reading of the rules",
    { granted: path, wildcard: Schema.Boolean, required: path },
    ({ granted, wildcard, required }) =>
      Effect.sync(() => {
        const grant = wildcard ? [...granted, "*"] : granted
        const expected = wildcard
          ? required.length > granted.length && granted.every((part, index) => part === required[index])
          : granted.join(":") === required.join(":")
        assert.strictEqual(Scope.satisfies([grant.join(":")], [required.join(":")]), expected)
      }),
  )

  it("decodes a set: sorted, without repetitions, bounded", () => {
    const decode = Schema.decodeUnknownResult(Scope.ScopeSet)
    assert.deepStrictEqual(Result.getOrThrow(decode(["b", "a", "b"])), Scope.set("a", "b"))
    assert.isTrue(Result.isFailure(decode(Array.from({ length: 101 }, (_, index) => `s${index}`))))
    assert.isTrue(Result.isFailure(decode(["a", "A"])))
  })
})
