/** The reference page in a browser: what is sent from it gets there. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { HttpServer } from "effect/http"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { missingBrowser, startBrowser } from "../support/browser.ts"
import { layerServer } from "../support/server.ts"

const press = `
  const button = Array.from(document.querySelectorAll("button")).find(({ textContent }) => textContent.includes(arguments[0]))
  button?.click()
  return button === undefined ? null : true`

const type = `
  const input = document.querySelector("[role=dialog] input[placeholder=Token]") ?? document.querySelector("input[placeholder=Token]")
  if (input === null) return null
  input.focus()
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, arguments[0])
  for (const event of ["input", "change"]) input.dispatchEvent(new Event(event, { bubbles: true }))
  input.blur()
  return true`

const findAnswer = `
  const answer = performance.getEntriesByType("resource").find(({ name }) => name.includes(arguments[0]))
  return answer === undefined ? null : [answer.name, answer.responseStatus]`

describe("the reference page", () => {
  it("sends a request with the key that is typed in, under its policy", (context) => {
    context.skip(missingBrowser !== undefined, missingBrowser)
    return Effect.runPromise(
      Effect.gen(function* () {
        const { token } = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "reader", scopes: ["api-keys:read"] }))
        const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
        const browser = yield* startBrowser
        yield* Effect.promise(async () => {
          await browser.open(`${url}/docs`)
          await browser.until(press, "Test Request(get /api-keys/count)")
          await browser.until(type, Redacted.value(token))
          await browser.until(press, "Send Send get request")
          // Without the filters that it has examples of.
          assert.deepStrictEqual(await browser.until(findAnswer, "/api-keys/count"), [`${url}/api-keys/count`, 200])
          // The page shows the answer.
          assert.isTrue(await browser.until<boolean>(`return /200 OK[^]*"count": \\d+/.test(document.body.innerText) || null`))
          const text = await browser.run<string>("return document.body.innerText")
          assert.include(text, "Needs the scope api-keys:read.")
          // What its vendor would like people to do with their documents.
          assert.notMatch(text, /\\b(?:Share|Deploy|Developer Tools|Open API Client|Ask AI)\\b/)
          const asked = await browser.run<ReadonlyArray<string>>("return performance.getEntriesByType('resource').map(({ name }) => name)")
          for (const address of asked) assert.isTrue(address.startsWith(url) || /^(?:data|blob):/.test(address), address)
          const severe = (await browser.logs()).filter(({ level }) => level === "SEVERE").map(({ message }) => message)
          // It tries whether it may run text as code, and does without.
          assert.deepStrictEqual(
            severe.filter((message) => !/unsafe-eval|script-src/.test(message)),
            [],
          )
        })
      }).pipe(Effect.provide(layerServer()), Effect.scoped),
    )
  })
})
