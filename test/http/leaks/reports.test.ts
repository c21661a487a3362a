/** What is done about tokens that were found where they shouldn't be, as those who report them see it. */
import { createHash, generateKeyPairSync, sign } from "node:crypto"
import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Exit, Fiber, Redacted, Schema } from "effect"
import { PolicyRefused } from "../../../src/ApiKeyError.ts"
import * as KeyPolicy from "../../../src/KeyPolicy.ts"
import { type Repository, withServer, post, create, unknown, eventually, unreachable } from "./support.ts"

const github = generateKeyPairSync("ec", { namedCurve: "P-256" })

const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" })

/** The test key, and below the body and signature, of the partner programme's documentation until January 2024. */
const documented = {
  identifier: "f9525bf080f75b3506ca1ead061add62b8633a346606dc5fe544e29231c6ee0d",
  publicKey: `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsz9ugWDj5jK5ELBK42ynytbo38gP
HzZFI03Exwz8Lh/tCfL3YxwMdLjB+bMznsanlhK0RwcGP3IDb34kQDIo3Q==
-----END PUBLIC KEY-----
`,
}

const signingKeys = [{ identifier: "k1", publicKey: github.publicKey.export({ type: "spki", format: "pem" }).toString() }]

const report = (
  url: string,
  body: string,
  { identifier = "k1", key = github.privateKey, signature = sign("sha256", Buffer.from(body), key) } = {},
) =>
  post(`${url}/leaks`, body, {
    "github-public-key-identifier": identifier,
    "github-public-key-signature": signature.toString("base64"),
  })

const leak = (token: string) => ({ token, type: "acme_api_key", url: "https://github.com/a/b/blob/c/d", source: "content" })

const hashOf = (token: string) => createHash("sha256").update(token).digest("base64")

const label = (token: string, label: string) => ({ token_hash: hashOf(token), token_type: "acme_api_key", label })

describe("A signed report", () => {
  it.live("ends the keys that work, and labels every token", () =>
    withServer({ signingKeys }, (apiKeys, url, logged) =>
      Effect.gen(function* () {
        const [live, inactive, rotated] = [yield* create(apiKeys), yield* create(apiKeys), yield* create(apiKeys)]
        yield* apiKeys.deactivate(inactive.id)
        const { token: current } = yield* apiKeys.rotate(rotated.id)
        const tokens = [live.token, inactive.token, rotated.token, unknown, "garbage"]
        const reply = yield* report(url, JSON.stringify(tokens.map(leak)))
        assert.strictEqual(reply.status, 200, reply.text)
        assert.deepStrictEqual(reply.body, [
          label(live.token, "true_positive"),
          label(inactive.token, "true_positive"),
          label(rotated.token, "true_positive"),
          label(unknown, "false_positive"),
          label("garbage", "false_positive"),
        ])
        const ended = yield* apiKeys.get(live.id)
        assert.deepInclude(ended, { isActive: false, deactivationReason: "leaked" })
        assert.isNotNull(ended.deactivatedAt)
        assert.strictEqual((yield* Effect.flip(apiKeys.verify(live.token)))._tag, "Inactive")
        assert.strictEqual((yield* apiKeys.get(inactive.id)).deactivationReason, "manual")
        // Of a rotated key only the token that leaked is ended.
        assert.strictEqual((yield* Effect.flip(apiKeys.verify(rotated.token)))._tag, "Expired")
        yield* apiKeys.verify(current)
        // An operator takes it back.
        yield* apiKeys.activate(live.id)
        assert.deepInclude(yield* apiKeys.get(live.id), { isActive: true, deactivationReason: null, deactivatedAt: null })
        yield* apiKeys.verify(live.token)
        assert.isTrue(logged.some((line) => line.includes(live.id) && line.includes("https://github.com/a/b/blob/c/d")))
        for (const secret of tokens.map((token) => token.slice(-60))) for (const line of logged) assert.notInclude(line, secret)
      }),
    ),
  )

  it.live("looks at each token once, however often it was found and is reported", () =>
    withServer({ signingKeys }, (apiKeys, url) =>
      Effect.gen(function* () {
        const { id, token } = yield* create(apiKeys)
        const expired = yield* create(apiKeys)
        yield* apiKeys.update(expired.id, { expiresAt: DateTime.makeUnsafe(1) })
        const body = JSON.stringify([...Array(6).fill(token), expired.token, unknown].map(leak))
        const labels = [...Array(6).fill(token), expired.token].map((each) => label(each, "true_positive"))
        for (const _ of ["first", "again, as after a 503"]) {
          assert.deepStrictEqual((yield* report(url, body)).body, [...labels, label(unknown, "false_positive")])
        }
        assert.strictEqual((yield* apiKeys.get(id)).deactivationReason, "leaked")
      }),
    ),
  )

  it.live("of any size and with anything said of the tokens is taken whole", () =>
    withServer({ signingKeys }, (apiKeys, url) =>
      Effect.gen(function* () {
        const keys = yield* Effect.forEach(Array.from({ length: 120 }), () => create(apiKeys))
        const long = `https://github.com/${"x".repeat(5_000)}`
        const odd = [{ token: keys[0]!.token }, { token: keys[1]!.token, type: "t", url: null, source: "", more: 1 }]
        const body = JSON.stringify([
          ...odd,
          ...keys.slice(2).map(({ token }) => ({ ...leak(token), url: long })),
          { token: "x".repeat(99_999) },
        ])
        assert.isAbove(body.length, 500_000)
        const reply = yield* report(url, body)
        assert.strictEqual(reply.status, 200, reply.text)
        assert.deepStrictEqual(reply.body.slice(0, 2), [
          { token_hash: hashOf(keys[0]!.token), token_type: "", label: "true_positive" },
          { token_hash: hashOf(keys[1]!.token), token_type: "t", label: "true_positive" },
        ])
        assert.strictEqual(reply.body.at(-1).label, "false_positive")
        assert.strictEqual(yield* apiKeys.count({ isActive: true }), 0)
      }),
    ),
  )

  it.live("whose signer isn't known is refused unread, and none is read without end", () =>
    withServer({ signingKeys }, (_, url) =>
      Effect.gen(function* () {
        const sent = { bytes: 0 }
        const send = (identifier: string) =>
          Effect.promise(async () => {
            sent.bytes = 0
            const body = new ReadableStream({
              pull: async (controller) => {
                // What the connection holds has to be sent before the answer can come.
                if (sent.bytes > 64e6) return controller.close()
                controller.enqueue(new Uint8Array(65_536))
                sent.bytes += 65_536
                await new Promise((resolve) => setTimeout(resolve, 1))
              },
            })
            const headers = { "github-public-key-identifier": identifier, "github-public-key-signature": "x" }
            return (await fetch(`${url}/leaks`, { method: "POST", body, headers, duplex: "half" } as RequestInit)).status
          })
        const before = process.memoryUsage().rss
        assert.strictEqual(yield* send("nobody"), 403)
        assert.isBelow(sent.bytes, 10e6)
        assert.strictEqual(yield* send("k1"), 413)
        assert.isBelow(process.memoryUsage().rss - before, 60e6)
      }),
    ),
  )

  it.live("that claims a known key takes bounded memory along with all others, and a small one always has room", () =>
    withServer({ signingKeys }, (apiKeys, url) =>
      Effect.gen(function* () {
        const { token } = yield* create(apiKeys)
        const { hostname, port } = new URL(url)
        const head = ["POST /leaks HTTP/1.1", "Host: x", "Github-Public-Key-Identifier: k1", "Content-Length: 9000001", "", ""].join("\r\n")
        const answers: Array<string> = []
        // All but the last byte, and then nothing more.
        const strangers = Array.from({ length: 12 }, () => {
          const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(head + "x".repeat(9_000_000)))
          socket.on("data", (data) => answers.push(data.toString("latin1")))
          return socket.on("error", () => socket.destroy())
        })
        yield* Effect.gen(function* () {
          yield* eventually(
            Effect.sync(() => answers.length),
            (count) => count >= 8,
          )
          for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 503 [^]*retry-after: \d/i)
          assert.deepStrictEqual((yield* report(url, JSON.stringify([leak(token)]))).body, [label(token, "true_positive")])
        }).pipe(Effect.ensuring(Effect.sync(() => strangers.forEach((socket) => socket.destroy()))))
        // What those held who went away is free again.
        const large = JSON.stringify([leak(token), { token: "x".repeat(9_000_000) }])
        yield* eventually(report(url, large), ({ status }) => status === 200)
      }),
    ),
  )

  it.live("is acted on though its sender doesn't wait for the answer", () => {
    let looked = 0
    const store = (repository: Repository): Repository => ({
      ...repository,
      findByKeyId: (keyId) => Effect.suspend(() => Effect.delay(repository.findByKeyId(keyId), looked++ === 0 ? "300 millis" : "1 millis")),
    })
    return withServer(
      { signingKeys },
      (apiKeys, url) =>
        Effect.gen(function* () {
          const [first, second] = [yield* create(apiKeys), yield* create(apiKeys)]
          const sender = yield* Effect.forkChild(report(url, JSON.stringify([first, second].map(({ token }) => leak(token)))))
          yield* eventually(
            Effect.sync(() => looked),
            (count) => count > 0,
          )
          yield* Fiber.interrupt(sender)
          for (const { id } of [first, second]) yield* eventually(apiKeys.get(id), ({ isActive }) => !isActive)
        }),
      { store },
    )
  })

  it.live("ends what it can though the store fails now and then, or for one key", () => {
    let failures = 0
    let broken = ""
    const store = (repository: Repository): Repository => ({
      ...repository,
      update: (id, changes, options) =>
        id === broken || failures++ % 2 === 0 ? Effect.fail(unreachable) : repository.update(id, changes, options),
    })
    return withServer(
      { signingKeys },
      (apiKeys, url) =>
        Effect.gen(function* () {
          const [first, second] = [yield* create(apiKeys), yield* create(apiKeys)]
          const body = JSON.stringify([first, second].map(({ token }) => leak(token)))
          broken = first.id
          assert.strictEqual((yield* report(url, body)).status, 503)
          assert.isFalse((yield* apiKeys.get(second.id)).isActive)
          broken = ""
          assert.deepStrictEqual((yield* report(url, body)).body, [
            label(first.token, "true_positive"),
            label(second.token, "true_positive"),
          ])
        }),
      { store },
    )
  })

  it.live("isn't a use of the keys in it", () =>
    Effect.forEach(["end", "log"] as const, (onReport) =>
      withServer({ signingKeys, onReport }, (apiKeys, url) =>
        Effect.gen(function* () {
          const { id, token } = yield* create(apiKeys)
          yield* report(url, JSON.stringify([leak(token)]))
          yield* Effect.sleep("100 millis")
          assert.isNull((yield* apiKeys.get(id)).lastUsedAt)
        }),
      ),
    ),
  )

  it.live("is signed as GitHub documents it", () =>
    withServer({ signingKeys: [documented] }, (_, url) =>
      Effect.gen(function* () {
        const body = `[{"token":"some_token","type":"some_type","url":"some_url","source":"some_source"}]`
        const signature = Buffer.from(
          "MEUCIFLZzeK++IhS+y276SRk2Pe5LfDrfvTXu6iwKKcFGCrvAiEAhHN2kDOhy2I6eGkOFmxNkOJ+L2y8oQ9A2T9GGJo6WJY=",
          "base64",
        )
        const good = yield* report(url, body, { identifier: documented.identifier, signature })
        assert.deepStrictEqual(good.body, [{ token_hash: hashOf("some_token"), token_type: "some_type", label: "false_positive" }])
        const changed = yield* report(url, body.replace("some_token", "same_token"), { identifier: documented.identifier, signature })
        assert.strictEqual(changed.status, 403)
      }),
    ),
  )

  it.live("ends a key once: sent again, by whatever signature, it doesn't undo that the key was activated", () =>
    withServer({ signingKeys }, (apiKeys, url, logged) =>
      Effect.gen(function* () {
        const [live, inactive] = [yield* create(apiKeys), yield* create(apiKeys)]
        yield* apiKeys.deactivate(inactive.id)
        const both = [live, inactive]
        const body = JSON.stringify(both.map(({ token }) => leak(token)))
        const labels = both.map(({ token }) => label(token, "true_positive"))
        assert.deepStrictEqual((yield* report(url, body)).body, labels)
        assert.isFalse((yield* apiKeys.get(live.id)).isActive)
        for (const { id } of both) yield* apiKeys.activate(id)
        // Each signature is another one.
        for (let attempt = 0; attempt < 2; attempt++) assert.deepStrictEqual((yield* report(url, body)).body, labels)
        for (const { id, token } of both) {
          assert.isTrue((yield* apiKeys.get(id)).isActive)
          yield* apiKeys.verify(token)
        }
        assert.isTrue(logged.some((line) => line.includes("came again")))
        // Another report, of another place say, is news.
        const other = JSON.stringify(both.map(({ token }) => ({ ...leak(token), url: "https://github.com/x" })))
        assert.deepStrictEqual((yield* report(url, other)).body, labels)
        for (const { id } of both) assert.isFalse((yield* apiKeys.get(id)).isActive)
      }),
    ),
  )

  it.live("is none that a caller who manages keys has named", () =>
    withServer({ signingKeys }, (apiKeys, url) =>
      Effect.gen(function* () {
        const { id, token } = yield* create(apiKeys)
        const admin = yield* apiKeys.create({ name: "admin", scopes: ["api-keys:write"] })
        const body = JSON.stringify([leak(token)])
        const named = { token, reason: "leaked", report: createHash("sha256").update(body).digest("base64") }
        const revoke = post(`${url}/api-keys/revoke`, JSON.stringify(named), { authorization: `Bearer ${Redacted.value(admin.token)}` })
        assert.isTrue((yield* revoke).body.isEnded)
        yield* apiKeys.activate(id)
        assert.isFalse((yield* revoke).body.isEnded)
        yield* report(url, body)
        assert.isFalse((yield* apiKeys.get(id)).isActive)
      }),
    ),
  )

  it.live("is carried out again where it failed, though part of it was", () => {
    let isBroken = true
    const store = (repository: Repository): Repository => ({
      ...repository,
      reports: {
        isKnown: () => Effect.succeed(false),
        ...repository.reports,
        remember: (name, at) => (isBroken ? Effect.fail(unreachable) : (repository.reports?.remember(name, at) ?? Effect.void)),
      },
    })
    return withServer(
      { signingKeys },
      (apiKeys, url) =>
        Effect.gen(function* () {
          const { id, token } = yield* create(apiKeys)
          const body = JSON.stringify([leak(token)])
          assert.strictEqual((yield* report(url, body)).status, 503)
          assert.isFalse((yield* apiKeys.get(id)).isActive)
          isBroken = false
          assert.strictEqual((yield* report(url, body)).status, 200)
          yield* apiKeys.activate(id)
          assert.strictEqual((yield* report(url, body)).status, 200)
          assert.isTrue((yield* apiKeys.get(id)).isActive)
        }),
      { store },
    )
  })

  it.live("is logged though a policy of the key refuses it here", () =>
    withServer(
      { signingKeys, onReport: "log" },
      (apiKeys, url, logged) =>
        Effect.gen(function* () {
          const { apiKey, token } = yield* apiKeys.create({ name: "k", policies: { closed: true } })
          const leaked = Redacted.value(token)
          const { body } = yield* report(url, JSON.stringify([leak(leaked)]))
          assert.deepStrictEqual(body, [label(leaked, "true_positive")])
          assert.isTrue(logged.some((line) => line.includes("has leaked") && line.includes(apiKey.keyId)))
        }),
      {
        policies: [
          KeyPolicy.make({
            kind: "closed",
            schema: Schema.Literal(true),
            compile: () => ({ rule: ({ apiKey }) => new PolicyRefused({ keyId: apiKey.keyId, kind: "closed", reason: "closed" }) }),
          }),
        ],
      },
    ),
  )

  it.live("is only logged if so configured", () =>
    withServer({ signingKeys, onReport: "log" }, (apiKeys, url, logged) =>
      Effect.gen(function* () {
        const { id, token } = yield* create(apiKeys)
        assert.deepStrictEqual((yield* report(url, JSON.stringify([leak(token)]))).body, [label(token, "true_positive")])
        yield* apiKeys.verify(token)
        assert.isTrue(logged.some((line) => line.includes(id)))
      }),
    ),
  )

  it.live("is refused unless a known key signed these very bytes", () =>
    withServer({ signingKeys }, (apiKeys, url) =>
      Effect.gen(function* () {
        const { token } = yield* create(apiKeys)
        const body = JSON.stringify([leak(token)])
        const good = sign("sha256", Buffer.from(body), github.privateKey)
        for (const attempt of [
          report(url, body, { key: stranger.privateKey }),
          report(url, body, { identifier: "k2" }),
          report(url, `${body} `, { signature: good }),
          report(url, body, { signature: Buffer.alloc(0) }),
          report(url, body, { signature: good.subarray(0, -1) }),
          report(url, body, { signature: sign("sha256", Buffer.from(body), { key: github.privateKey, dsaEncoding: "ieee-p1363" }) }),
          post(`${url}/leaks`, body),
        ]) {
          const { status, body } = yield* attempt
          assert.deepStrictEqual([status, body.type], [403, "urn:effect-api-key:problem:invalid-signature"])
        }
        yield* apiKeys.verify(token)
        // A signature doesn't make it a report.
        for (const text of ["", "null", "{}", '[{"type":"x"}]', "[".repeat(10_000), `${body.slice(0, -1)},{"token":1}]`]) {
          const reply = yield* report(url, text)
          assert.strictEqual(reply.status, 400, text.slice(0, 50))
          assert.notInclude(reply.text, token.slice(-60))
        }
        yield* apiKeys.verify(token)
      }),
    ),
  )

  it.live("isn't offered without signing keys, and a bad one ends the start", () =>
    Effect.gen(function* () {
      const reply = yield* withServer({}, (_, url) => report(url, "[]"))
      assert.deepStrictEqual([reply.status, reply.body.type], [404, "urn:effect-api-key:problem:not-offered"])
      const rsa = generateKeyPairSync("rsa", { modulusLength: 1_024 }).publicKey.export({ type: "spki", format: "pem" }).toString()
      const otherCurve = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export({ type: "spki", format: "pem" }).toString()
      for (const publicKey of ["", "nonsense", rsa, otherCurve]) {
        const exit = yield* Effect.exit(withServer({ signingKeys: [{ identifier: "k", publicKey }] }, () => Effect.void))
        assert.isTrue(Exit.isFailure(exit))
      }
    }),
  )
})
