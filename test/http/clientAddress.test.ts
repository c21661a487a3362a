import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Option, Result, Schema } from "effect"
import { Headers, HttpMiddleware, HttpServerRequest, HttpServerResponse } from "effect/http"
import { IpNetwork } from "effect/net"
import { makeClientAddress, type TrustedProxies } from "../../src/internal/http/clientAddress.ts"
import { formatAddress } from "../../src/internal/net/address.ts"
import { parseNetwork } from "../../src/internal/net/networks.ts"

const cidrs = ["10.0.0.0/8", "2001:db8:aaaa::/48"]
const networks = cidrs.map((text) => Result.getOrThrow(parseNetwork(text)))
const peer = "10.255.255.254"

interface Sent {
  readonly peer?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

const requestOf = ({ peer, headers = {} }: Sent) =>
  HttpServerRequest.fromWeb(new Request("http://app.test/")).modify({
    headers: Headers.fromInput(headers),
    remoteAddress: Option.fromUndefinedOr(peer),
  })

const clientOf = (sent: Sent, proxies?: TrustedProxies): string | undefined => {
  const address = makeClientAddress(proxies)(requestOf(sent))
  return address === undefined ? undefined : formatAddress(address)
}

const ofXForwardedFor = (value: string): string | undefined => clientOf({ peer, headers: { "x-forwarded-for": value } }, { networks })
const ofForwarded = (value: string): string | undefined =>
  clientOf({ peer, headers: { forwarded: value } }, { networks, header: "forwarded" })

const oneOf = <A>(...choices: ReadonlyArray<Arbitrary.Arbitrary<A>>): Arbitrary.Arbitrary<A> =>
  Arbitrary.flatMap(Arbitrary.schema(Schema.Literals(choices.map((_, at) => at))), (at) => choices[at]!)
const among = <const A extends Schema.Literals<ReadonlyArray<string>>["literals"]>(...texts: A) => Arbitrary.schema(Schema.Literals(texts))
const listOf = <A>(item: Arbitrary.Arbitrary<A>, maxLength: number) => Arbitrary.array(item, { maxLength })

/** What a stranger sends: parts of headers in any order, and any text. */
const strangers = oneOf(
  Arbitrary.map(
    listOf(among('for="', '"', "\\", ",", ";", "for=6.6.6.6", "for=10.0.0.1", "6.6.6.6", "10.0.0.1", "=", " ", "unknown", "é"), 8),
    (parts) => parts.join(""),
  ),
  Arbitrary.schema(Schema.String),
)

describe("the address of a client", () => {
  it("is the socket's where no proxy is named, or where no proxy sent the request", () => {
    const headers = { "x-forwarded-for": "6.6.6.6", forwarded: "for=6.6.6.6" }
    for (const proxies of [undefined, { networks }, { networks, header: "forwarded" }] as const) {
      assert.strictEqual(clientOf({ peer: "203.0.113.7", headers }, proxies), "203.0.113.7")
      assert.strictEqual(clientOf({ peer: "::ffff:203.0.113.7", headers }, proxies), "203.0.113.7")
      assert.strictEqual(clientOf({ peer: "fe80::1%eth0", headers }, proxies), "fe80::1")
      // A socket of Unix has no address, nor has a request that came another way.
      assert.strictEqual(clientOf({ peer: undefined, headers }, proxies), undefined)
      assert.strictEqual(clientOf({ peer: "somebody", headers }, proxies), undefined)
    }
    assert.strictEqual(clientOf({ peer, headers }), peer)
  })

  it("is what a middleware of the application says, unless proxies are named", () => {
    const request = requestOf({ peer: "192.0.2.1" }).modify({
      remoteAddress: Option.some("203.0.113.7"),
      peerAddress: Option.some("192.0.2.1"),
    })
    const shown = (proxies?: TrustedProxies) => formatAddress(makeClientAddress(proxies)(request)!)
    assert.strictEqual(shown(), "203.0.113.7")
    assert.strictEqual(shown({ networks }), "192.0.2.1")
  })

  it("is read from one header, never from the other", () => {
    const headers = { "x-forwarded-for": "203.0.113.7", forwarded: "for=198.51.100.4" }
    assert.strictEqual(clientOf({ peer, headers }, { networks }), "203.0.113.7")
    assert.strictEqual(clientOf({ peer, headers }, { networks, header: "x-forwarded-for" }), "203.0.113.7")
    assert.strictEqual(clientOf({ peer, headers }, { networks, header: "forwarded" }), "198.51.100.4")
    assert.strictEqual(clientOf({ peer, headers: { forwarded: "for=6.6.6.6" } }, { networks }), undefined)
    assert.strictEqual(clientOf({ peer, headers: { "x-forwarded-for": "6.6.6.6" } }, { networks, header: "forwarded" }), undefined)
  })

  it("is the last one that is no proxy's, or the first of all", () => {
    assert.strictEqual(ofXForwardedFor("6.6.6.6, 203.0.113.7"), "203.0.113.7")
    assert.strictEqual(ofXForwardedFor("6.6.6.6,203.0.113.7 ,\t10.0.0.1, 2001:db8:aaaa::5"), "203.0.113.7")
    assert.strictEqual(ofXForwardedFor("10.0.0.2, 10.0.0.1"), "10.0.0.2")
    assert.strictEqual(ofForwarded("for=6.6.6.6, for=203.0.113.7"), "203.0.113.7")
    assert.strictEqual(ofForwarded('for=6.6.6.6,for=203.0.113.7;by=10.0.0.2 ,\tfor=10.0.0.1, for="[2001:db8:aaaa::5]"'), "203.0.113.7")
    assert.strictEqual(ofForwarded("for=10.0.0.2, for=10.0.0.1"), "10.0.0.2")
  })

  it("isn't known where a header ends in no address", () => {
    for (const value of [
      "",
      " ",
      ",",
      "6.6.6.6,",
      "6.6.6.6, ",
      "6.6.6.6, unknown",
      "6.6.6.6, , 10.0.0.1",
      "unknown",
      "_hidden, 10.0.0.1",
    ]) {
      assert.strictEqual(ofXForwardedFor(value), undefined)
    }
    for (const value of ["", " ", ",", "for=6.6.6.6,", "for=6.6.6.6, unknown", "for=6.6.6.6, for=unknown", "for=6.6.6.6, , for=10.0.0.1"]) {
      assert.strictEqual(ofForwarded(value), undefined)
    }
  })

  it("is read from an entry of X-Forwarded-For with a port or brackets", () => {
    for (const entry of ["203.0.113.7:80", "::ffff:203.0.113.7", "[::ffff:203.0.113.7]", "[::ffff:203.0.113.7]:80"]) {
      assert.strictEqual(ofXForwardedFor(entry), "203.0.113.7")
    }
    for (const entry of ["203.0.113.7:", "[203.0.113.7]", "[::1", "::1]", "[::1]80", "203.0.113.7 80", '"203.0.113.7"', "203.0.113.07"]) {
      assert.strictEqual(ofXForwardedFor(entry), undefined)
    }
  })

  it("is read from lines of a header as from one", () => {
    const web = new Request("http://app.test/", {
      headers: [
        ["Forwarded", 'for="'],
        ["Forwarded", "For=203.0.113.7"],
        ["Forwarded", "for=10.0.0.1"],
      ],
    })
    const request = HttpServerRequest.fromWeb(web).modify({ remoteAddress: Option.some(peer) })
    const address = makeClientAddress({ networks, header: "forwarded" })(request)
    assert.strictEqual(formatAddress(address!), "203.0.113.7")
  })

  it("is found in headers of any length", () => {
    const long = 500_000
    assert.strictEqual(ofXForwardedFor(",".repeat(long) + "203.0.113.7" + ",10.0.0.1".repeat(long / 10)), "203.0.113.7")
    assert.strictEqual(ofForwarded('"'.repeat(long) + ",for=203.0.113.7" + ",for=10.0.0.1".repeat(long / 10)), "203.0.113.7")
    assert.strictEqual(ofForwarded(`for=203.0.113.7;host="${'\\"'.repeat(long)}"`), "203.0.113.7")
    for (const hostile of [
      `${"\\".repeat(long)}"`,
      `"${'\\"'.repeat(long)}`,
      ";".repeat(long),
      `for=1${" ".repeat(long)}x`,
      "a=b;".repeat(long),
    ]) {
      assert.strictEqual(ofForwarded(hostile), undefined)
    }
  })

  const entry = oneOf(
    among("10.0.0.1", "10.9.9.9:4711", "[2001:db8:aaaa::1]", "::ffff:10.0.0.3", "2001:DB8:aaaa::2"),
    among("203.0.113.7", "198.51.100.4:80", "::1", "[2001:db8::1]:443", "::ffff:203.0.113.8"),
    among("unknown", "", "_x", "10.0.0", "for=6.6.6.6"),
  )
  it.effect.prop(
    "is what Effect's middleware finds in X-Forwarded-For, and none where that finds none",
    [listOf(entry, 6), among(",", ", ", " ,\t")],
    ([entries, comma]) =>
      Effect.gen(function* () {
        const sent: Sent = { peer, headers: { "x-forwarded-for": entries.join(comma) } }
        const response = yield* HttpServerRequest.HttpServerRequest.use(({ remoteAddress }) =>
          Effect.succeed(HttpServerResponse.text(Option.getOrThrow(remoteAddress))),
        ).pipe(
          HttpMiddleware.xForwardedHeaders({ trustedProxies: cidrs.map(IpNetwork.fromStringUnsafe) }),
          Effect.provideService(HttpServerRequest.HttpServerRequest, requestOf(sent)),
        )
        const theirs = yield* Effect.promise(() => HttpServerResponse.toWeb(response).text())
        assert.strictEqual(clientOf(sent, { networks }), theirs === peer ? undefined : theirs)
      }),
    { arbitrary: { runs: 500 } },
  )
})

/** An address as the parameter `for` names it, and what it means. */
interface Node {
  readonly text: string
  readonly address: string | undefined
}

const letter = among(..."aZ09._-".split(""))
const obfuscated = Arbitrary.map(Arbitrary.array(letter, { minLength: 1, maxLength: 6 }), (letters) => `_${letters.join("")}`)
const port = oneOf(
  among("", ":0", ":80", ":65535"),
  Arbitrary.map(obfuscated, (name) => `:${name}`),
)

const withPort = (names: ReadonlyArray<readonly [text: string, address: string | undefined]>): Arbitrary.Arbitrary<Node> =>
  Arbitrary.map(Arbitrary.all([oneOf(...names.map((name) => Arbitrary.Constant(name))), port]), ([[text, address], port]) => ({
    text: text + port,
    address,
  }))

const ofProxy = withPort([
  ["10.0.0.1", "10.0.0.1"],
  ["[2001:db8:AAAA::17]", "2001:db8:aaaa::17"],
  ["[::ffff:10.0.0.1]", "10.0.0.1"],
])
const ofClient = withPort([
  ["192.0.2.43", "192.0.2.43"],
  ["[2001:db8:cafe::17]", "2001:db8:cafe::17"],
  ["[::FFFF:192.0.2.43]", "192.0.2.43"],
])
const ofNobody = oneOf(
  withPort([["unknown", undefined]]),
  Arbitrary.map(Arbitrary.all([obfuscated, port]), ([name, port]) => ({ text: name + port, address: undefined })),
)

const quote = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`
const isToken = (text: string): boolean => /^[\w!#$%&'*+\-.^`|~]+$/.test(text)

/** The value of a parameter: a token, or a quoted string in which any character may have a backslash before it. */
const valueOf = (text: string): Arbitrary.Arbitrary<string> =>
  oneOf(
    Arbitrary.Constant(isToken(text) ? text : quote(text)),
    Arbitrary.Constant(quote(text)),
    Arbitrary.map(Arbitrary.array(Arbitrary.schema(Schema.Boolean), { minLength: text.length, maxLength: text.length }), (escapes) => {
      const characters = Array.from(text, (character, at) => (escapes[at] || /["\\]/.test(character) ? `\\${character}` : character))
      return `"${characters.join("")}"`
    }),
  )

const otherText = oneOf(
  among("http", "10.0.0.9", "example.com:80", 'a"b', ", for=6.6.6.6", ";for=6.6.6.6", "\\", '\\", for="', " \t", "é", "="),
)
const otherPair = Arbitrary.flatMap(Arbitrary.all([among("by", "Proto", "HOST", "secret", "x!#"), otherText]), ([name, text]) =>
  Arbitrary.map(valueOf(text), (value) => `${name}=${value}`),
)

/** An element of the grammar whose `for` stands anywhere among other parameters. */
const elementOf = (node: Arbitrary.Arbitrary<Node>): Arbitrary.Arbitrary<Node> =>
  Arbitrary.flatMap(
    Arbitrary.all([node, listOf(otherPair, 3), listOf(otherPair, 2), among("for", "For", "FOR", "fOr"), among(";", "; ", " ;", ";;")]),
    ([{ text, address }, before, after, name, semicolon]) =>
      Arbitrary.map(valueOf(text), (value) => {
        const pairs = [...before, `${name}=${value}`, ...after]
        const names = new Set<string>()
        const unique = pairs.filter((pair) => {
          const name = pair.slice(0, pair.indexOf("=")).toLowerCase()
          return !names.has(name) && names.add(name)
        })
        return { text: unique.join(semicolon), address }
      }),
  )

describe("Forwarded", () => {
  it("is read in the forms of RFC 7239", () => {
    assert.strictEqual(ofForwarded("for=192.0.2.60;proto=http;by=203.0.113.43"), "192.0.2.60")
    assert.strictEqual(ofForwarded('For="[2001:db8:cafe::17]:4711"'), "2001:db8:cafe::17")
    assert.strictEqual(ofForwarded('for="192.0.2.43:47011"'), "192.0.2.43")
    assert.strictEqual(ofForwarded('for="192.0.2.43:_port";host="a, \\"b\\";c"'), "192.0.2.43")
    assert.strictEqual(ofForwarded('for="\\1\\9\\2.0.2.43"'), "192.0.2.43")
    assert.strictEqual(ofForwarded('by="a=b";;for=192.0.2.43;'), "192.0.2.43")
  })

  it("gives no address where it names none", () => {
    for (const value of ["for=unknown", "for=_gazonk", 'for="_gazonk:80"', "proto=http;by=192.0.2.1", 'for=""', 'for="unknown:_x"']) {
      assert.strictEqual(ofForwarded(value), undefined)
    }
  })

  it("gives no address where it isn't well formed", () => {
    const malformed = [
      "192.0.2.43",
      "for",
      "for=",
      "for:192.0.2.43",
      "for =192.0.2.43",
      "for= 192.0.2.43",
      "for=192.0.2.43:80",
      "for=[2001:db8::1]",
      'for="2001:db8::1"',
      'for="[192.0.2.43]"',
      'for="192.0.2.43:"',
      'for="192.0.2.43:123456"',
      'for="192.0.2.43:_"',
      'for="192.0.2.43',
      'for=192.0.2.43"',
      'for="192.0.2.43"x',
      'for=192.0.2.43;host=a"b"',
      'for=192.0.2.43;host="a',
      "for=192.0.2.43;host=a b",
      "for=192.0.2.43;for=192.0.2.44",
      "for=192.0.2.43;FOR=192.0.2.43",
      "for=192.0.2.43;proto=http;Proto=https",
      "for='192.0.2.43'",
      'for="[fe80::1%eth0]"',
      'for="192.0.2.43\u0000"',
      "for=192.0.2.43;é=1",
    ]
    for (const value of malformed) assert.strictEqual(ofForwarded(value), undefined, value)
  })

  it.prop(
    "is read as its grammar has it, whatever a stranger sends before",
    [strangers, elementOf(oneOf(ofClient, ofNobody)), listOf(elementOf(ofProxy), 3), among(",", ", ", " ,\t"), Schema.Boolean],
    ([sent, client, proxies, comma, isSent]) => {
      const value = [...(isSent ? [sent] : []), client.text, ...proxies.map(({ text }) => text)].join(comma)
      assert.strictEqual(ofForwarded(value), client.address, value)
    },
    { arbitrary: { runs: 2_000 } },
  )

  it.prop(
    "is the address of the first proxy where all are of proxies",
    [elementOf(ofProxy), listOf(elementOf(ofProxy), 3)],
    ([first, more]) => {
      assert.strictEqual(ofForwarded([first, ...more].map(({ text }) => text).join(",")), first.address)
    },
  )

  it.prop("of any text is read without a failure", [strangers, Schema.String, Schema.String], ([value, other, peer]) => {
    ofForwarded(value)
    ofXForwardedFor(value)
    const headers = { forwarded: other, "x-forwarded-for": other }
    for (const proxies of [undefined, { networks }] as const) clientOf({ peer, headers }, proxies)
    assert.strictEqual(ofXForwardedFor(`${value}, 203.0.113.7, 10.0.0.1`), "203.0.113.7")
  })
})
