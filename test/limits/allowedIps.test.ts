/** The policy `allowedIps`: keys that work from certain networks only. */
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema } from "effect"
import { AllowedIps } from "../../src/AllowedIps.ts"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import { ApiKeyRepository, layerMemory } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { allowedIps } from "../../src/internal/limits/allowedIps.ts"
import { recallOf } from "../../src/internal/verifier/recall.ts"

type Service = ApiKeys.ApiKeys["Service"]

const keys = <A, E>(test: (apiKeys: Service) => Effect.Effect<A, E>, options: ApiKeys.Options = {}) =>
  Effect.flatMap(ApiKeys.ApiKeys, test).pipe(Effect.provide(Layer.fresh(ApiKeys.layerMemoryWith(options))))

const make = (apiKeys: Service, ...networks: ReadonlyArray<string>) =>
  apiKeys.create({ name: "k", scopes: ["a"], policies: { allowedIps: networks } })

/** `good`, or the tag of the refusal. */
const use = (apiKeys: Service, token: Redacted.Redacted, address?: string, options: ApiKeys.VerifyOptions = {}) =>
  apiKeys.verify(token, { ...options, address }).pipe(
    Effect.as("good"),
    Effect.catch(({ _tag }) => Effect.succeed(_tag)),
  )

const networks = ["10.0.0.0/8", "192.0.2.7", "::ffff:198.51.100.0/120", "2001:db8::/32", "fe80::1"]
const within = [
  "10.0.0.0",
  "10.255.255.255",
  "::ffff:10.1.2.3",
  "::ffff:a01:203",
  "192.0.2.7",
  "198.51.100.9",
  "2001:db8::1",
  "2001:DB8:0:0::1",
  "fe80::1%eth0",
]
const without = [
  "9.255.255.255",
  "11.0.0.0",
  "192.0.2.8",
  "198.51.101.0",
  "2001:db9::1",
  "::1",
  "::10.0.0.1",
  "64:ff9b::a00:1",
  // What is no address.
  "",
  " ",
  "10.0.0.1 ",
  "10.0.0.1:80",
  "[2001:db8::1]",
  "010.0.0.1",
  "10.1",
  "167772161",
  "unknown",
  "localhost",
  "10.0.0.0/8",
  "10.0.0.1, 8.8.8.8",
  "10.0.0.1\0",
  "2001:db8::1%eth0",
  "1".repeat(100_000),
]

describe("a key with allowedIps", () => {
  for (const cache of [undefined, "off"] as const) {
    it.effect(`works from its networks alone, cold and warm (cache ${cache ?? "on"})`, () =>
      keys(
        (apiKeys) =>
          Effect.gen(function* () {
            const { token } = yield* make(apiKeys, ...networks)
            for (const _ of ["cold", "warm"]) {
              for (const address of without) assert.strictEqual(yield* use(apiKeys, token, address), "IpNotAllowed", address.slice(0, 50))
              for (const address of within) assert.strictEqual(yield* use(apiKeys, token, address), "good", address)
              assert.strictEqual(yield* use(apiKeys, token), "IpNotAllowed")
              assert.strictEqual(yield* use(apiKeys, token, "10.0.0.1", { maxAge: 0 }), "good")
              assert.strictEqual(yield* use(apiKeys, token, "8.8.8.8", { maxAge: 0 }), "IpNotAllowed")
            }
          }),
        { cache },
      ),
    )
  }

  it.effect("is refused to a caller whose address is no text", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { token } = yield* make(apiKeys, "0.0.0.0/0", "::/0")
        for (const address of [null, 167772161, {}, ["10.0.0.1"]]) {
          // Frameworks give `null` where there is no address, and TypeScript doesn't check every caller.
          assert.strictEqual(yield* use(apiKeys, token, address as unknown as string), "IpNotAllowed")
        }
        assert.strictEqual(yield* use(apiKeys, token, "8.8.8.8"), "good")
        assert.strictEqual(yield* use(apiKeys, token, "2001:db8::1"), "good")
      }),
    ),
  )

  it.effect("is refused without a word on addresses, and without a stack", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { token, apiKey } = yield* make(apiKeys, "192.0.2.7")
        const { token: next } = yield* apiKeys.rotate(apiKey.id, { grace: "1 hour" })
        const rotated = yield* apiKeys.get(apiKey.id)
        for (const [presented, keyId] of [
          [token, apiKey.keyId],
          [next, rotated.keyId],
        ] as const) {
          const error = yield* Effect.flip(apiKeys.verify(presented, { address: "203.0.113.9" }))
          assert.deepInclude(error, { _tag: "IpNotAllowed", keyId })
          assert.deepStrictEqual(Object.keys(error).sort(), ["_tag", "keyId"])
          for (const text of [error.message, JSON.stringify(error), inspect(error)]) assert.notMatch(text, /192\.0|203\.0/)
          assert.notInclude(error.stack ?? "", "    at ")
        }
      }),
    ),
  )

  it.effect("isn't answered by the fast way of plain keys, which stays that of other keys", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const recall = recallOf(apiKeys.verify)
        const context = yield* Effect.context<never>()
        const { token: bound } = yield* make(apiKeys, "10.0.0.0/8")
        const { token: plain } = yield* apiKeys.create({ name: "k" })
        for (const token of [bound, plain]) yield* apiKeys.verify(token, { address: "10.0.0.1" })
        for (const address of [undefined, "10.0.0.1", "8.8.8.8"]) {
          assert.isUndefined(recall(Redacted.value(bound), { address }, context))
          assert.isDefined(recall(Redacted.value(plain), { address }, context))
        }
      }),
    ),
  )

  it.effect("asks for the caller's address once, and other keys don't ask", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        let asked = 0
        const options = {
          get address() {
            asked++
            return "10.0.0.1"
          },
        }
        const { token: plain } = yield* apiKeys.create({ name: "k", policies: { limits: [{ name: "l", limit: 9, window: "1s" }] } })
        const { token: bound } = yield* make(apiKeys, "10.0.0.0/8")
        for (const maxAge of [0, undefined, undefined]) {
          // Not by a spread, which would read the address.
          const asking =
            maxAge === undefined ? options : Object.defineProperty({ maxAge, address: "" }, "address", { get: () => options.address })
          yield* apiKeys.verify(plain, asking)
          assert.strictEqual(asked, 0)
          yield* apiKeys.verify(bound, asking)
          assert.strictEqual(asked, 1)
          asked = 0
        }
      }),
    ),
  )

  it.effect("isn't used, and takes no unit of its limits, from elsewhere; its scopes are asked before", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const limits = [{ name: "once", limit: 1, window: "1h" }]
        const { token } = yield* apiKeys.create({ name: "k", policies: { limits, allowedIps: ["10.0.0.0/8"] } })
        for (const _ of [1, 2]) assert.strictEqual(yield* use(apiKeys, token, "8.8.8.8"), "IpNotAllowed")
        assert.strictEqual(yield* use(apiKeys, token, "8.8.8.8", { scopes: ["b"] }), "InsufficientScope")
        assert.strictEqual(yield* use(apiKeys, token, "10.0.0.1"), "good")
        assert.strictEqual(yield* use(apiKeys, token, "10.0.0.1"), "RateLimited")
        assert.strictEqual(yield* use(apiKeys, token, "8.8.8.8"), "IpNotAllowed")
      }),
    ),
  )

  it.effect("is ended from anywhere", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { token, apiKey } = yield* make(apiKeys, "10.0.0.0/8")
        yield* apiKeys.verify(token, { address: "10.0.0.1" })
        const revoked = yield* apiKeys.revoke(token, { reason: "leaked" })
        assert.deepStrictEqual([revoked.apiKey.id, revoked.isEnded], [apiKey.id, true])
        assert.strictEqual(yield* use(apiKeys, token, "10.0.0.1"), "Inactive")
      }),
    ),
  )

  it.effect("follows a change at once, and keeps its networks in a rotation", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        const { token, apiKey } = yield* make(apiKeys, "10.0.0.0/8")
        assert.strictEqual(yield* use(apiKeys, token, "10.0.0.1"), "good")
        yield* apiKeys.update(apiKey.id, { policies: { allowedIps: ["192.0.2.0/24"] } })
        assert.strictEqual(yield* use(apiKeys, token, "10.0.0.1"), "IpNotAllowed")
        const rotated = yield* apiKeys.rotate(apiKey.id, { grace: "1 hour" })
        for (const each of [token, rotated.token]) {
          assert.strictEqual(yield* use(apiKeys, each, "10.0.0.1"), "IpNotAllowed")
          assert.strictEqual(yield* use(apiKeys, each, "192.0.2.1"), "good")
        }
        yield* apiKeys.update(apiKey.id, { policies: null })
        assert.strictEqual(yield* use(apiKeys, rotated.token), "good")
      }),
    ),
  )

  it.effect("can't be given what isn't a list of networks", () =>
    keys((apiKeys) =>
      Effect.gen(function* () {
        for (const [value, field] of [
          [[], "policies.allowedIps"],
          ["10.0.0.0/8", "policies.allowedIps"],
          [Array.from({ length: 257 }, (_, at) => `10.0.${at & 255}.${at >> 8}`), "policies.allowedIps"],
          [["10.0.0.0/8", "10.1.2.3/8"], "policies.allowedIps.1"],
          [["10.0.0.0/33"], "policies.allowedIps.0"],
          [["example.org"], "policies.allowedIps.0"],
          [[10], "policies.allowedIps.0"],
        ] as const) {
          const error = yield* Effect.flip(apiKeys.create({ name: "k", policies: { allowedIps: value } }))
          assert.deepInclude(error, { _tag: "InvalidInput", field })
        }
      }),
    ),
  )

  it.effect("is refused by a node that can't read its networks", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const repository = yield* ApiKeyRepository
      const { token, apiKey } = yield* make(apiKeys, "10.0.0.0/8")
      for (const value of [[], ["10.0.0.0/8", "nowhere"], null, {}]) {
        yield* repository.update(apiKey.id, { policies: { allowedIps: value } }, { at: apiKey.updatedAt })
        assert.strictEqual(yield* use(apiKeys, token, "10.0.0.1", { maxAge: 0 }), "RepositoryError")
      }
    }).pipe(Effect.provide(Layer.fresh(ApiKeys.layer.pipe(Layer.provide(layerEphemeral), Layer.provideMerge(layerMemory))))),
  )
})

it("networks of a policy have their texts in canonical form", () => {
  const decoded = Schema.decodeUnknownSync(AllowedIps)(["10.0.0.0/8", "::ffff:192.0.2.7", "2001:DB8:0::/32"])
  assert.deepStrictEqual(Schema.encodeSync(AllowedIps)(decoded), ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"])
  assert.strictEqual(allowedIps.kind, "allowedIps")
})
