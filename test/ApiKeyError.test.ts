/** One list says what a refusal is. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { KeyId } from "../src/ApiKey.ts"
import * as ApiKeyError from "../src/ApiKeyError.ts"
import * as ApiKeyMetrics from "../src/ApiKeyMetrics.ts"
import * as ApiKeys from "../src/ApiKeys.ts"

const keyId = KeyId.make("7a74caa323a5410d")

describe("refusals", () => {
  it("have their tags in the order of the checks", () => {
    assert.deepStrictEqual(ApiKeyError.refusalTags, [
      "MalformedToken",
      "NotFound",
      "InvalidSecret",
      "Inactive",
      "Expired",
      "InsufficientScope",
      "IpNotAllowed",
      "PolicyRefused",
      "RateLimited",
      "QuotaExceeded",
    ])
    assert.deepStrictEqual(ApiKeyMetrics.failureTags, [...ApiKeyError.refusalTags, "RepositoryError", "HasherError", "Overloaded"])
  })

  it.effect("are told from failures of infrastructure", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const refused = yield* Effect.flip(apiKeys.verify("not a token"))
      assert.isTrue(ApiKeyError.isRefusal(refused))
      assert.isTrue(ApiKeyError.isRefusal(new ApiKeyError.Inactive({ keyId })))
      assert.isFalse(ApiKeyError.isRefusal(new ApiKeyError.Overloaded({ retryAfterSeconds: 1 })))
      assert.isFalse(ApiKeyError.isRefusal(new ApiKeyError.HasherError({ reason: "Failed" })))
    }).pipe(Effect.provide(ApiKeys.layerMemory)),
  )

  it("are no other errors that have the same tag", () => {
    assert.isFalse(ApiKeyError.isRefusal({ _tag: "NotFound" }))
    assert.isFalse(ApiKeyError.isRefusal(null))
  })
})
