import { connect } from "node:net"
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { HttpServer } from "effect/http"
import { ApiKey } from "../../../src/ApiKey.ts"
import { faceCreateFields } from "../../../src/internal/record/fields.ts"

import { type It, type Setup } from "./setup.ts"

export const requests = (it: It, { send, makeKey, assertProblem }: Setup): void => {
  it.effect("refuses what doesn't fit, naming the field and echoing nothing", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey("*")
      const post = (body: unknown, headers: Record<string, string> = {}) => send("POST", "/api-keys", { token, body, headers })
      const wrong = yield* post({ name: "", scopes: ["Hunter2 SECRET"], prefix: "ak" })
      assertProblem(wrong, 400, "invalid-request")
      assert.isFalse(wrong.text.includes("Hunter2"))
      const paths = wrong.body.errors.map(({ path }: { path: Array<string> }) => path.join("."))
      assert.sameMembers(paths, ["payload.name", "payload.scopes.0", "payload.prefix"])
      const settable: ReadonlyArray<string> = faceCreateFields
      for (const privileged of ["hash", "previousHash", ...Object.keys(ApiKey.fields).filter((name) => !settable.includes(name))]) {
        for (const value of ["1", { quota: 1 }, null]) {
          assertProblem(yield* post({ name: "x", [privileged]: value }), 400, "invalid-request")
        }
      }
      assertProblem(yield* post("{ not json"), 400, "invalid-request")
      assertProblem(yield* post('"\\ud800"'), 400, "invalid-request")
      assertProblem(yield* post({ name: "a\0b" }), 400, "invalid-request")
      assertProblem(yield* post(`{"name":"x","metadata":${"[".repeat(20_000)}${"]".repeat(20_000)}}`), 400, "invalid-request")
      assertProblem(yield* post(`{"name":"x","metadata":${'{"a":'.repeat(9_000)}1${"}".repeat(9_000)}}`), 400, "invalid-request")
      assertProblem(yield* post('{"name":"x","metadata":{"__proto__":{"isAdmin":true}}}'), 400, "invalid-request")
      assertProblem(yield* post({ name: "x", expiresAt: "2020-01-01T00:00:00Z" }), 400, "invalid-request")
      assertProblem(yield* post({ name: "x", expiresAt: "not a date" }), 400, "invalid-request")
      assertProblem(yield* post("x=1", { "content-type": "text/plain" }), 415, "unsupported-media-type")
      assertProblem(yield* post({ name: "x", description: "x".repeat(70_000) }), 413, "body-too-large")
      assertProblem(yield* send("GET", "/api-keys/not-a-uuid", { token }), 400, "invalid-request")
      assertProblem(yield* send("GET", "/nowhere", { token }), 404, "no-such-route")
      const wrongMethod = yield* send("PUT", "/api-keys", { token, body: {} })
      assertProblem(wrongMethod, 405, "method-not-allowed")
      assert.strictEqual(wrongMethod.headers.get("allow"), "GET, HEAD, POST")
      assertProblem(yield* send("GET", "/api-keys/verify", { token }), 405, "method-not-allowed")
      // Nobody without a key gets as far as having a body judged.
      assertProblem(yield* send("POST", "/api-keys", { body: "{ not json" }), 401, "missing-api-key")
    }),
  )

  it.effect("survives bytes that aren't HTTP's best", () =>
    Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      assert.isTrue("port" in address)
      if (!("port" in address)) return
      const raw = (text: string) =>
        Effect.promise(
          () =>
            new Promise<string>((resolve) => {
              let answer = ""
              const socket = connect(address.port, "127.0.0.1", () => socket.end(Buffer.from(text, "latin1")))
              socket.on("data", (data) => (answer += data.toString("latin1")))
              socket.on("close", () => resolve(answer))
              socket.on("error", () => resolve(answer))
            }),
        )
      const request = (line: string, ...headers: Array<string>) =>
        raw([line, "Host: x", "Connection: close", ...headers, "", ""].join("\r\n"))
      assert.match(yield* request("GET /protected HTTP/1.1", "Authorization: Bearer \xff\xfe\x80"), /^HTTP\/1\.1 401/)
      assert.match(yield* request("GET /protected HTTP/1.1", "X-API-Key: a", "X-API-Key: b"), /^HTTP\/1\.1 400/)
      assert.match(yield* request("GET /protected HTTP/1.1", `Authorization: Bearer ${"a".repeat(10_000)}`), /^HTTP\/1\.1 401/)
      assert.match(yield* request("GET /api-keys/%ff%fe HTTP/1.1"), /^HTTP\/1\.1 4\d\d/)
      assert.match(yield* request("GET /%00 HTTP/1.1"), /^HTTP\/1\.1 404/)
      assert.match(yield* raw("\0\0\0\r\n\r\n"), /^(HTTP\/1\.1 400|$)/)
      assert.strictEqual((yield* send("GET", "/healthz")).status, 200)
    }),
  )

  it.effect("serves health, the OpenAPI document, and a reference page that needs no network", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* send("GET", "/healthz")).status, 200)
      assert.strictEqual((yield* send("GET", "/readyz")).status, 200)
      const docs = yield* send("GET", "/docs")
      assert.strictEqual(docs.status, 200)
      assert.match(docs.headers.get("content-security-policy") ?? "", /^default-src 'none'; script-src 'sha256-/)
      assert.notMatch(docs.text.slice(0, 2_000), /<(?:script|link)[^>]+(?:src|href)=["']?https?:/)
      const { body: spec } = yield* send("GET", "/openapi.json")
      assert.sameMembers(Object.keys(spec.paths), [
        "/api-keys",
        "/api-keys/count",
        "/api-keys/revoke",
        "/api-keys/upcoming",
        "/api-keys/hash-report",
        "/api-keys/seal-report",
        "/api-keys/verify",
        "/api-keys/{id}",
        "/api-keys/{id}/activate",
        "/api-keys/{id}/change-quota",
        "/api-keys/{id}/deactivate",
        "/api-keys/{id}/end-grace",
        "/api-keys/{id}/quotas",
        "/api-keys/{id}/rotate",
        "/leaks",
        "/leaks/revoke",
        "/protected",
      ])
      assert.deepStrictEqual(spec.paths["/api-keys"].post.security, [{ bearer: ["api-keys:write"] }, { apiKey: ["api-keys:write"] }])
      const statusesOf = (operation: { readonly responses: object }) => Object.keys(operation.responses)
      const general = ["408", "414", "431", "500"]
      assert.sameMembers(statusesOf(spec.paths["/api-keys"].post), [
        ...general,
        "201",
        "400",
        "401",
        "403",
        "409",
        "413",
        "415",
        "429",
        "503",
      ])
      const { post: rotation } = spec.paths["/api-keys/{id}/rotate"]
      assert.sameMembers(statusesOf(rotation), [
        ...general,
        "200",
        "400",
        "401",
        "403",
        "404",
        "409",
        "412",
        "413",
        "415",
        "429",
        "503",
        "504",
      ])
      assert.include(JSON.stringify(rotation.requestBody), "RotateApiKey")
      assert.sameMembers(Object.keys(spec.components.schemas.RotateApiKey.properties), ["graceSeconds", "graceFrom", "ifPrevious"])
      assert.sameMembers(statusesOf(spec.paths["/api-keys/{id}"].patch), [
        ...general,
        "200",
        "400",
        "401",
        "403",
        "404",
        "409",
        "412",
        "413",
        "415",
        "429",
        "503",
        "504",
      ])
      const one = spec.paths["/api-keys/{id}"]
      for (const operation of [
        one.get,
        one.patch,
        one.delete,
        ...["activate", "deactivate", "rotate", "end-grace"].map((each) => spec.paths[`/api-keys/{id}/${each}`].post),
      ]) {
        const names = operation.parameters.map(({ name }: { name: string }) => name)
        assert.includeMembers(names, ["if-match", "if-none-match"])
        assert.include(Object.keys(operation.responses), "412")
      }
      assert.include(Object.keys(one.get.responses), "304")
      assert.isFalse(JSON.stringify(spec).includes('"hash"'))
    }),
  )
}
