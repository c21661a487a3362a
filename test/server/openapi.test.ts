/** The document of the server's interface, and the page that shows it. */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { assert, describe, it, onTestFinished } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import formats from "ajv-formats"
import { OpenApi } from "effect/http-api"
import { ServerApi } from "../../src/internal/server/api.ts"

const spec = OpenApi.fromApi(ServerApi)
const operations = Object.entries(spec.paths).flatMap(([path, item]) =>
  (["get", "post", "patch", "delete"] as const).flatMap((method) => {
    const operation = item[method]
    return operation === undefined ? [] : [{ name: `${method} ${path}`, operation }]
  }),
)

describe("the document", () => {
  it("names the scheme as reference pages know it", () => {
    assert.deepInclude(spec.components.securitySchemes["bearer"], { type: "http", scheme: "bearer" })
  })

  it("says where the server is, and what each operation and group is for", () => {
    assert.deepStrictEqual(
      spec.servers?.map(({ url }) => url),
      ["/"],
    )
    assert.isAbove(operations.length, 10)
    for (const { name, operation } of operations) {
      assert.match(operation.summary ?? "", /^[A-Z][^.]+$/, name)
      assert.match(operation.description ?? "", /\.$/, name)
    }
    for (const { name, description } of spec.tags) assert.match(description ?? "", /\.$/, name)
    assert.deepInclude(spec.info.license, { name: "MIT" })
  })

  it("names each operation once, behind the name of its group", () => {
    const names = operations.map(({ operation }) => operation.operationId)
    assert.lengthOf(new Set(names), names.length)
    for (const name of names) assert.match(name, /^[a-z][A-Za-z]+\.[a-z][A-Za-z]+$/)
  })

  it("tells the scopes that an operation takes", () => {
    for (const { name, operation } of operations) {
      const scopes = new Set(operation.security.flatMap((requirement) => Object.values(requirement).flat()))
      for (const scope of scopes) assert.include(operation.description, `\`${scope}\``, name)
      if (name.includes("/api-keys")) assert.match(operation.description ?? "", /Needs the scope `api-keys:/, name)
    }
  })

  it("has an example of each body, and it fits", () => {
    const ajv = formats.default(new Ajv2020({ strict: false }))
    ajv.addSchema({ $id: "document", components: spec.components })
    const bodies = operations.flatMap(({ name, operation: { requestBody } }) => (requestBody === undefined ? [] : [{ name, requestBody }]))
    assert.isAbove(bodies.length, 5)
    for (const { name, requestBody } of bodies) {
      const media = requestBody.content["application/json"]
      // OpenAPI's, which Effect's type of what it generates doesn't know.
      const example = media !== undefined && "example" in media ? media.example : undefined
      assert.isDefined(example, name)
      const schema = JSON.parse(JSON.stringify(media?.schema).replaceAll('"#/components', '"document#/components'))
      assert.isTrue(ajv.validate(schema, example), `${name}: ${ajv.errorsText()}`)
    }
  })

  it("has nothing that a linter of such documents would have otherwise", () => {
    const directory = mkdtempSync(join(tmpdir(), "effect-api-key-document-"))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const file = join(directory, "openapi.json")
    writeFileSync(file, JSON.stringify(spec))
    const redocly = join(dirname(createRequire(import.meta.url).resolve("@redocly/cli/package.json")), "bin/cli.js")
    const output = execFileSync(process.execPath, [redocly, "lint", file, "--extends", "recommended", "--format", "json"], {
      cwd: directory,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      // It reports its use, and asks for newer versions, unless told not to.
      env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
    })
    const { totals, problems } = JSON.parse(output)
    assert.deepStrictEqual(totals, { errors: 0, warnings: 0, ignored: 0 }, JSON.stringify(problems))
  })
})
