/** Policies over HTTP: how a refusal is told, and that a key with policies makes none without. */
import { assert, layer as describeWith } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema } from "effect"
import { PolicyRefused } from "../../src/ApiKeyError.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { layerMemory } from "../../src/ApiKeyRepository.ts"
import * as KeyPolicy from "../../src/KeyPolicy.ts"
import { makeSetup } from "./suite/setup.ts"

const open = KeyPolicy.make({
  kind: "open",
  schema: Schema.Boolean,
  compile: (isOpen) => ({
    rule: ({ apiKey }) => (isOpen ? undefined : new PolicyRefused({ keyId: apiKey.keyId, kind: "open", reason: "closed" })),
  }),
})

const { server, send, assertProblem } = makeSetup(Layer.fresh(layerMemory), { policies: [open] })

const makeKey = (policies: { readonly open: boolean } | null, ...scopes: ReadonlyArray<string>) =>
  ApiKeys.ApiKeys.use((apiKeys) => Effect.orDie(apiKeys.create({ name: "k", scopes, policies }))).pipe(
    Effect.map(({ apiKey, token }) => ({ ...apiKey, token: Redacted.value(token) })),
  )

describeWith(server, { excludeTestServices: true })("A key with policies, over HTTP,", (it) => {
  it.effect("is refused with the policy and its reason, and shows its policies", () =>
    Effect.gen(function* () {
      const { id, token } = yield* makeKey({ open: false }, "*")
      const refused = yield* send("GET", `/api-keys/${id}`, { token })
      assertProblem(refused, 403, "policy-refused")
      assert.deepInclude(refused.body, { policy: "open", reason: "closed" })
      const reader = yield* makeKey(null, "api-keys:read")
      assert.deepStrictEqual((yield* send("GET", `/api-keys/${id}`, { token: reader.token })).body.policies, { open: false })
    }),
  )

  it.effect("makes no key that is stronger than itself", () =>
    Effect.gen(function* () {
      const caller = yield* makeKey({ open: true }, "*")
      const other = yield* makeKey(null, "invoices:read")
      const { token } = caller
      const requests = [
        ["POST", "/api-keys", { name: "k" }],
        ["POST", "/api-keys", { name: "k", scopes: ["*"] }],
        ["PATCH", `/api-keys/${other.id}`, { scopes: ["*"] }],
        ["PATCH", `/api-keys/${other.id}`, { expiresAt: null }],
        ["PATCH", `/api-keys/${other.id}`, { ownerId: "another" }],
        ["PATCH", `/api-keys/${caller.id}`, { ownerId: null }],
        ["POST", `/api-keys/${other.id}/activate`, undefined],
        ["POST", `/api-keys/${other.id}/rotate`, {}],
      ] as const
      for (const [method, path, body] of requests) assertProblem(yield* send(method, path, { token, body }), 403, "policy-refused")
      // These take, and give nothing.
      assert.strictEqual((yield* send("PATCH", `/api-keys/${other.id}`, { token, body: { name: "n" } })).status, 200)
      assert.strictEqual((yield* send("POST", `/api-keys/${other.id}/deactivate`, { token })).status, 200)
      const rotated = yield* send("POST", `/api-keys/${caller.id}/rotate`, { token, body: {} })
      assert.strictEqual(rotated.status, 200, rotated.text)
      assert.deepStrictEqual(rotated.body.apiKey.policies, { open: true })
    }),
  )

  it.effect("is given policies by a body, of kinds that are known", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey(null, "*")
      const made = yield* send("POST", "/api-keys", { token, body: { name: "k", policies: { open: false } } })
      assert.deepStrictEqual(made.body.apiKey.policies, { open: false })
      for (const policies of [{ opened: true }, { open: "yes" }, {}]) {
        assertProblem(yield* send("POST", "/api-keys", { token, body: { name: "k", policies } }), 400, "invalid-request")
      }
    }),
  )
})
