/** What operators are told: which variable, what was found, what to do; in the same words by the server, the command line and `doctor`. */
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as PgClient from "@effect/sql-pg/PgClient"
import { afterAll, assert, describe, it, layer } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Layer, Redacted } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { SqlClient } from "effect/sql"
import { layerEphemeral } from "../../src/ApiKeyHasher.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { examine } from "../../src/internal/cli/doctor.ts"
import { safeJson } from "../../src/internal/text/safe.ts"
import { routes } from "../../src/internal/server/routes.ts"
import * as Migrations from "../../src/sql/Migrations.ts"
import * as SqlRepository from "../../src/sql/SqlRepository.ts"
import { compileCache, short } from "../support/node.ts"
import { startPostgres } from "../support/postgres.ts"

const root = new URL("../..", import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), "effect-api-key-messages-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const pepper = "sixteen bytes or more of it"

/** What a process writes to standard error, and its exit code. */
const run = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) =>
  Effect.promise(
    () =>
      new Promise<readonly [code: number, stderr: string]>((resolve) =>
        execFile(
          process.execPath,
          [...short, ...args],
          { cwd: folder, env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...compileCache, ...env }, timeout: 200_000 },
          (error, _stdout, stderr) => resolve([error === null ? 0 : Number(error.code ?? -1), stderr]),
        ),
      ),
  )

const listening = Effect.acquireRelease(
  Effect.promise(
    () =>
      new Promise<{ readonly port: number; readonly close: () => void }>((resolve) => {
        // What speaks another protocol, and hangs up on nobody.
        const server = createServer((socket) => socket.on("error", () => undefined).write("HTTP/1.1 400 Bad Request\r\n\r\n"))
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          resolve({ port: typeof address === "object" && address !== null ? address.port : 0, close: () => server.close() })
        })
      }),
  ),
  ({ close }) => Effect.sync(close),
)

class Postgres extends Context.Service<Postgres, { readonly url: string }>()("test/Postgres") {
  static readonly layer = Layer.effect(
    Postgres,
    Effect.map(startPostgres(), (url) => ({ url: Redacted.value(url) })),
  )
}
const client = Layer.unwrap(Effect.map(Postgres, ({ url }) => PgClient.layer({ url: Redacted.make(url) })))

layer(Layer.provideMerge(client, Postgres.layer), { timeout: "300 seconds", excludeTestServices: true })("DATABASE_URL", (it) => {
  it.effect("that leads nowhere is told alike by the server, the command line and doctor", () =>
    Effect.gen(function* () {
      const { url } = yield* Postgres
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE ROLE limited LOGIN PASSWORD 'sesame' CONNECTION LIMIT 0`
      const { host, port } = new URL(url)
      const stranger = yield* listening
      const cases: ReadonlyArray<readonly [url: string, found: RegExp, advice: RegExp]> = [
        ["foo", /^DATABASE_URL isn't a URL$/, /postgres:\/\/user:password@host:5432\/database/],
        ["mysql://root:sesame@127.0.0.1/keys", /^DATABASE_URL begins with mysql:$/, /only PostgreSQL is known/i],
        [`postgres://${host}/postgres`, /^DATABASE_URL names no user$/, /postgres:\/\/user:password/],
        ["postgres://root:sesame@127.0.0.1:1/keys", /^Nothing listens at 127\.0\.0\.1:1 \(DATABASE_URL\)$/, /that PostgreSQL runs/],
        ["postgres://root:sesame@no-such-host.invalid/keys", /^The host no-such-host\.invalid of DATABASE_URL isn't found$/, /its name/],
        [`postgres://postgres:sesame@${host}/postgres`, /^PostgreSQL at .* refuses the user \(.*\)$/, /user and password/],
        [
          `postgres://postgres:password@${host}/sesame`,
          new RegExp(`^PostgreSQL at 127\\.0\\.0\\.1:${port} has no database sesame$`),
          /create it/i,
        ],
        [`postgres://limited:sesame@${host}/postgres`, /^PostgreSQL at .* takes no further connection \(.*\)$/, /raise its limit/],
        [`${url}?sslmode=require`, /^PostgreSQL at .* offers no TLS, which DATABASE_URL asks for$/, /sslmode/],
        [
          `postgres://root:sesame@127.0.0.1:${stranger.port}/keys`,
          /^What answers at .* \(DATABASE_URL\) isn't PostgreSQL$/,
          /host and port/,
        ],
      ]
      for (const [wrong, found, advice] of cases) {
        const env = { DATABASE_URL: wrong, API_KEY_PEPPER: pepper }
        const findings = yield* examine.pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(env))))
        const finding = findings.find(({ check }) => check === "database")
        assert.match(finding?.message ?? "", found)
        assert.match(finding?.advice ?? "", advice)
        const told = `${finding?.message}: ${finding?.advice}`.toLowerCase()
        for (const args of [[join(root, "bin/effect-api-key.js"), "list"], [join(root, "src/internal/server/main.ts")]]) {
          const [code, stderr] = yield* run(args, env)
          assert.strictEqual(code, 1, stderr)
          assert.strictEqual(stderr.toLowerCase(), `effect-api-key: ${told}\n`)
        }
        assert.notInclude(told.replaceAll("database sesame", ""), "sesame")
      }
    }),
  )

  it.effect("of a database whose encoding lacks a character: 400, which field, and doctor says so", () =>
    Effect.gen(function* () {
      const { url } = yield* Postgres
      yield* (yield* SqlClient.SqlClient)`CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`
      const latin = url.replace(/postgres$/, "latin")
      const keys = ApiKeys.layer.pipe(
        Layer.provideMerge(SqlRepository.layer.pipe(Layer.provide(Migrations.layer()))),
        Layer.provide(layerEphemeral),
        Layer.provide(PgClient.layer({ url: Redacted.make(latin) })),
      )
      yield* Effect.gen(function* () {
        const apiKeys = yield* ApiKeys.ApiKeys
        const { apiKey, token } = yield* apiKeys.create({ name: "é", scopes: ["api-keys:read", "api-keys:write"] })
        const whole = { name: "k", ownerId: "o", description: "d", metadata: { a: "b" } }
        for (const field of ["name", "ownerId", "description", "metadata"] as const) {
          const input = { ...whole, [field]: field === "metadata" ? { a: "€" } : "a€" }
          const errors = [
            yield* Effect.flip(apiKeys.create(input)),
            yield* Effect.flip(apiKeys.update(apiKey.id, { [field]: input[field] })),
          ]
          for (const error of errors) {
            assert.deepInclude(error, { _tag: "InvalidInput", field, reason: `the store's encoding can't hold "€"` })
          }
        }
        const errors = [yield* Effect.flip(apiKeys.search({ name: "狐" })), yield* Effect.flip(apiKeys.count({ name: "狐" }))]
        for (const error of errors) assert.deepInclude(error, { _tag: "InvalidInput", field: "name" })
        const base = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
        const response = yield* Effect.promise(() =>
          fetch(`${base}/api-keys`, {
            method: "POST",
            headers: { authorization: `Bearer ${Redacted.value(token)}`, "content-type": "application/json" },
            body: JSON.stringify({ name: "€" }),
          }),
        )
        assert.strictEqual(response.status, 400)
        assert.include(yield* Effect.promise(() => response.text()), "encoding")
      }).pipe(
        Effect.provide(
          HttpRouter.serve(routes, { disableLogger: true }).pipe(Layer.provideMerge(NodeHttpServer.layerTest), Layer.provideMerge(keys)),
        ),
      )
      const findings = yield* examine.pipe(
        Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ DATABASE_URL: latin, API_KEY_PEPPER: pepper }))),
      )
      const encoding = findings.find(({ check, level }) => check === "database" && level === "warning")
      assert.match(encoding?.message ?? "", /^Its encoding is LATIN1/)
    }),
  )
})

describe("what an operator gets wrong", () => {
  it.live("is told of HOST and PORT", () =>
    Effect.gen(function* () {
      const { port } = yield* listening
      for (const [env, message] of [
        [{ PORT: String(port) }, `Port ${port} of 127.0.0.1 is in use: stop what listens there, or set PORT to another one`],
        [
          { PORT: String(port), HOST: "192.0.2.1" },
          "HOST is 192.0.2.1, which is no address of this machine: set it to one, or to 0.0.0.0 for all",
        ],
        [{ HOST: "no-such-host.invalid" }, "HOST is no-such-host.invalid, a name that isn't found: set it to an address of this machine"],
      ] as const) {
        for (const args of [[join(root, "src/internal/server/main.ts")], [join(root, "bin/effect-api-key.js"), "serve"]]) {
          assert.deepStrictEqual(yield* run(args, { API_KEY_DATA_DIR: join(folder, "data"), ...env }), [1, `effect-api-key: ${message}\n`])
        }
      }
    }).pipe(Effect.scoped),
  )

  it.live("is told of a file of peppers that is empty", () =>
    Effect.gen(function* () {
      const file = join(folder, "peppers")
      writeFileSync(file, "# none yet\n\n")
      const [code, stderr] = yield* run([join(root, "bin/effect-api-key.js"), "list"], {
        API_KEY_PEPPERS_FILE: file,
        API_KEY_DATA_DIR: join(folder, "empty"),
      })
      assert.strictEqual(code, 1)
      assert.match(
        stderr,
        /the file that API_KEY_PEPPERS_FILE names, has no line\. It is written id:value, the value at least 16 random bytes/,
      )
    }),
  )
})

describe("what is shown", () => {
  it.effect("of a verification by console.log has checkedAt, and no secret", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { token } = yield* apiKeys.create({ name: "k" })
      const verified = yield* apiKeys.verify(token)
      for (const shown of [inspect(verified), JSON.stringify(verified)]) {
        assert.match(shown, /checkedAt"?: ?.*1970-01-01T00:00:00\.000Z/)
        assert.include(shown, "usedToken")
        assert.notInclude(shown, Redacted.value(token).slice(-20))
      }
    }).pipe(Effect.provide(ApiKeys.layerMemory)),
  )

  it("as JSON has no character that a terminal obeys, and is the same value", () => {
    const value = { name: "a\u202eb\u2066c\u061c\u200f\u2028\u009b\u001b[31m\u{e0001}狐", n: [1, null, true] }
    const text = safeJson(value)
    assert.match(text, /^[\x20-\x7e狐]*$/u)
    assert.deepStrictEqual(JSON.parse(text), value)
  })
})
