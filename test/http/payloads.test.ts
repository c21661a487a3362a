/** Payloads are decoded by generated code: the same as the interpreter of schemas makes of them. */
import { assert, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import * as SchemaJITCompiler from "effect/schema/SchemaJITCompiler"
import { CreatePayload, RevokePayload, RotatePayload, UpdatePayload, VerifyPayload } from "../../src/internal/http/wire.ts"

const payloads = { CreatePayload, UpdatePayload, RotatePayload, RevokePayload, VerifyPayload }
const options = { onExcessProperty: "error", errors: "all" } as const

/** What a caller may send instead of any field, or besides. */
const strange = [null, undefined, "", " ", "x".repeat(70_000), 0, -1, 1.5, true, [], ["a b"], ["*", "*"], {}, { a: 1 }]

for (const [name, payload] of Object.entries(payloads)) {
  it.effect(`decodes ${name} as the interpreter does`, () =>
    Effect.gen(function* () {
      const interpreted = Schema.toCodecJson(payload)
      const compiled = Schema.toCodecJson(payload.annotate({ title: "compiled" }))
      SchemaJITCompiler.enable(compiled.ast)
      const good = yield* Arbitrary.sampleEffect(Arbitrary.schema(Schema.toEncoded(interpreted)), { count: 50 })
      const bad = good.flatMap((value) =>
        [...Object.keys(payload.fields), "unknown"].flatMap((field) => strange.map((other) => ({ ...Object(value), [field]: other }))),
      )
      for (const value of [...good, ...bad, ...strange]) {
        const describe = (schema: Schema.ConstraintDecoder<unknown>) => {
          const result = Schema.decodeUnknownResult(schema)(value, options)
          return result._tag === "Success" ? { success: result.success } : { failure: String(result.failure).replaceAll("compiled", "") }
        }
        assert.deepStrictEqual(describe(compiled), describe(interpreted))
      }
    }),
  )
}
