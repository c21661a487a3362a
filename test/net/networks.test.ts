import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Option, Result, Schema } from "effect"
import { IpNetwork, NetAddress } from "effect/net"
import { formatAddress, parseAddress } from "../../src/internal/net/address.ts"
import { compile, Networks, parseNetwork } from "../../src/internal/net/networks.ts"

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Parts of addresses and networks, of which some lists make one. */
const part = Schema.Literals([
  ..."0 1 9 10 255 256 001 f FFFF a0 12345 . . . : : :: % / [ ] + ٣".split(" "),
  ..."1.2.3.4 10.0.0.0 0.0 255.255.255.255 2001:db8: fe80:: ::ffff: 0:0: 0:0:0:0:0:ffff: /0 /8 /24 /32 /33 /96 /128 /08 %eth0".split(" "),
  "",
  " ",
])
const writtenText = Arbitrary.map(Arbitrary.schema(Schema.Array(part).check(Schema.isMaxLength(10))), (parts) => parts.join(""))

/** Words that make both whole addresses of IPv4, and addresses of IPv6 with long runs of zeros. */
const word = Schema.Literals([0, 0, 0, 1, 0xffff, 0xffffffff, 0x0a000000, 0x20010db8, 0x00010000, 0xfe800000])
const octets = Arbitrary.map(
  Arbitrary.schema(Schema.Tuple([word, word, word, int(0, 0xffffffff), Schema.Boolean])),
  ([w0, w1, w2, w3, isMapped]) =>
    Uint8Array.from((isMapped ? [0, 0, 0xffff, w3] : [w0, w1, w2, w3]).flatMap((each) => [24, 16, 8, 0].map((by) => (each >>> by) & 0xff))),
)

/** An address as Effect reads it. */
const effectAddress = (text: string): string | undefined => {
  const address = NetAddress.ipFromString(text)
  return Result.isSuccess(address) ? NetAddress.formatIp(NetAddress.toCanonical(address.success)) : undefined
}

const shown = (text: string): string | undefined => {
  const address = parseAddress(text)
  return address === undefined ? undefined : formatAddress(address)
}

const canonical = (texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  Schema.encodeSync(Networks)(Schema.decodeUnknownSync(Networks)(texts))

const refusal = (text: string): string | undefined => Option.getOrUndefined(Result.getFailure(parseNetwork(text)))

const contains = (networks: ReadonlyArray<string>, text: string): boolean => {
  const address = parseAddress(text)
  return address !== undefined && compile(Schema.decodeUnknownSync(Networks)(networks))(address)
}

describe("an address", () => {
  it("is read in every form of IPv4 and IPv6", () => {
    assert.strictEqual(shown("203.0.113.7"), "203.0.113.7")
    assert.strictEqual(shown("255.255.255.255"), "255.255.255.255")
    assert.strictEqual(shown("2001:DB8:0:0:8:800:200C:417A"), "2001:db8::8:800:200c:417a")
    assert.strictEqual(shown("::"), "::")
    assert.strictEqual(shown("1::"), "1::")
    assert.strictEqual(shown("::1"), "::1")
    assert.strictEqual(shown("1:2:3:4:5:6:7::"), "1:2:3:4:5:6:7:0")
    assert.strictEqual(shown("64:ff9b::192.0.2.33"), "64:ff9b::c000:221")
  })

  it("of IPv4 is the same when mapped to IPv6", () => {
    for (const text of ["::ffff:10.1.2.3", "::FFFF:0a01:0203", "0:0:0:0:0:ffff:10.1.2.3"]) {
      assert.deepStrictEqual(parseAddress(text), parseAddress("10.1.2.3"))
      assert.strictEqual(shown(text), "10.1.2.3")
    }
  })

  it("is none in any other form", () => {
    const others =
      "256.0.0.1 1.2.3.999 1.2.3 1.2.3.4.5 1.2.3. .1.2.3 01.2.3.4 0x1.2.3.4 1.2.3.4:80 [::1] ::g 12345:: : ::: 1::2::3 1: :1 1:2:3:4:5:6:7"
    const long =
      "1:2:3:4:5:6:7:8:9 1:2:3:4:5:6:7:8:: ::1:2:3:4:5:6:7:8 1:2:3:4:5:6:7:1.2.3.4 ::1:2:3:4:5:6:7:1.2.3.4 1.2.3.4:: ::1.2.3 ::1.2.3.4:5"
    for (const text of ["", " ", " ::1", "::1\n", ...others.split(" "), ...long.split(" ")])
      assert.strictEqual(shown(text), undefined, text)
  })

  it("loses the name of an interface if it is link-local, and is none otherwise", () => {
    assert.strictEqual(shown("fe80::1%eth0"), "fe80::1")
    assert.strictEqual(shown("febf::1%12"), "febf::1")
    for (const text of [
      "fe80::1%",
      "2001:db8::1%eth0",
      "fec0::1%eth0",
      "::1%lo",
      "169.254.0.1%eth0",
      "%eth0",
      "fe80::1%" + "x".repeat(60),
    ]) {
      assert.strictEqual(shown(text), undefined)
    }
  })

  it.prop(
    "is what Effect reads",
    [writtenText],
    ([text]) => {
      if (!text.includes("%")) assert.strictEqual(shown(text), effectAddress(text))
    },
    { arbitrary: { runs: 5_000 } },
  )

  it.prop("is read from any text without a failure", [Schema.String], ([text]) => {
    assert.strictEqual(shown(text), effectAddress(text))
  })

  it.prop("is written as Effect writes it, and read back", [octets], ([bytes]) => {
    const text = NetAddress.formatIp(NetAddress.ipv6FromBytesUnsafe(bytes))
    assert.strictEqual(shown(text), effectAddress(text))
    assert.deepStrictEqual(parseAddress(shown(text) ?? ""), parseAddress(text))
    const groups = Array.from({ length: 8 }, (_, at) => ((bytes[2 * at]! << 8) | bytes[2 * at + 1]!).toString(16).padStart(4, "0"))
    assert.deepStrictEqual(parseAddress(groups.join(":").toUpperCase()), parseAddress(text))
  })
})

describe("a network", () => {
  it("is written in its canonical form", () => {
    assert.deepStrictEqual(canonical(["10.0.0.0/8", "203.0.113.7", "0.0.0.0/0", "2001:DB8:0::/32", "::1", "::/0", "fe80::/10"]), [
      "10.0.0.0/8",
      "203.0.113.7/32",
      "0.0.0.0/0",
      "2001:db8::/32",
      "::1/128",
      "::/0",
      "fe80::/10",
    ])
  })

  it("of mapped addresses is the network of IPv4", () => {
    assert.deepStrictEqual(canonical(["::ffff:10.0.0.0/104", "::ffff:0:0/96", "::ffff:a01:203", "::ffff:10.1.2.3/128"]), [
      "10.0.0.0/8",
      "0.0.0.0/0",
      "10.1.2.3/32",
      "10.1.2.3/32",
    ])
  })

  it("is refused with what to write instead", () => {
    assert.strictEqual(
      refusal("10.1.2.3/8"),
      `must have no bit set beyond its prefix; for "10.1.2.3/8" write 10.0.0.0/8 for the network, or 10.1.2.3/32 for the one address`,
    )
    assert.strictEqual(
      refusal("::ffff:10.1.2.3/104"),
      `must have no bit set beyond its prefix; for "::ffff:10.1.2.3/104" write 10.0.0.0/8 for the network, or 10.1.2.3/32 for the one address`,
    )
    assert.strictEqual(
      refusal("::ffff:0:0/95"),
      `must be written as a network of IPv4, or with a prefix length from 96 to 128, as "::ffff:0:0/95" names mapped addresses`,
    )
    for (const [text, bits] of [
      ["10.0.0.0/33", 32],
      ["::/129", 128],
      ["10.0.0.0/", 32],
      ["10.0.0.0/08", 32],
      ["::ffff:1.2.3.4/1e2", 128],
    ]) {
      assert.strictEqual(refusal(`${text}`), `must have a prefix length from 0 to ${bits}, in digits alone; "${text}" has another`)
    }
    for (const text of ["", "example.com", "10.0.0.0/8/8", "10.0.0/8", "fe80::%eth0/10", "fe80::1%eth0", "[::1]", " ::1", "/8"]) {
      assert.strictEqual(refusal(text), `must be an address or a network such as 10.0.0.0/8 or 2001:db8::/32; "${text}" isn't`)
    }
    assert.include(refusal("\u001b[2J" + "x".repeat(1_000)), `"\\u{1b}[2Jx`)
    assert.isBelow((refusal("x".repeat(1_000_000)) ?? "").length, 200)
  })

  it("is one of 1 to 256", () => {
    const many = Array.from({ length: 257 }, (_, at) => `10.0.${at >> 8}.${at & 0xff}/32`)
    const isList = (texts: unknown) => Result.isSuccess(Schema.decodeUnknownResult(Networks)(texts))
    assert.deepStrictEqual([[], many.slice(1), many, "10.0.0.0/8", [1]].map(isList), [false, true, false, false, false])
  })

  it.prop(
    "is what Effect reads, but for mapped addresses and lone ones",
    [writtenText],
    ([text]) => {
      const theirs = IpNetwork.fromString(text)
      if (Result.isSuccess(theirs)) {
        const { address } = theirs.success
        if (NetAddress.isIpv6Address(address) && NetAddress.isIpv4Mapped(address)) return
        assert.deepStrictEqual(canonical([text]), [IpNetwork.format(theirs.success)])
      } else if (text.includes("/")) {
        assert.isDefined(refusal(text))
      } else {
        assert.strictEqual(refusal(text) === undefined, effectAddress(text) !== undefined && !text.includes("%"))
      }
    },
    { arbitrary: { runs: 5_000 } },
  )
})

describe("networks", () => {
  it("contain addresses of their own family, mapped or not", () => {
    assert.isTrue(contains(["10.0.0.0/8"], "10.255.0.1"))
    assert.isTrue(contains(["10.0.0.0/8"], "::ffff:10.255.0.1"))
    assert.isTrue(contains(["::ffff:10.0.0.0/104"], "10.255.0.1"))
    assert.isFalse(contains(["10.0.0.0/8"], "11.0.0.1"))
    assert.isFalse(contains(["::/0"], "10.0.0.1"))
    assert.isFalse(contains(["::/0", "::fffe:0:0/95"], "::ffff:10.0.0.1"))
    assert.isFalse(contains(["0.0.0.0/0"], "::1"))
    assert.isTrue(contains(["fe80::/10"], "fe80::1%eth0"))
    assert.isTrue(contains(["192.0.2.1", "2001:db8::/33", "203.0.113.0/24"], "203.0.113.255"))
    assert.isTrue(contains(["192.0.2.1", "2001:db8::/33", "203.0.113.0/24"], "2001:db8:7fff::"))
    assert.isFalse(contains(["192.0.2.1", "2001:db8::/33", "203.0.113.0/24"], "2001:db8:8000::"))
  })

  const flips = Schema.Array(int(0, 127)).check(Schema.isMaxLength(3))
  it.prop(
    "contain an address if Effect's network contains it",
    [octets, int(0, 128), flips, Schema.Boolean],
    ([bytes, length, bits, isShort]) => {
      const addressOf = (octets: Uint8Array) =>
        isShort ? NetAddress.ipv4FromBytesUnsafe(octets.slice(12)) : NetAddress.toCanonical(NetAddress.ipv6FromBytesUnsafe(octets))
      const first = addressOf(bytes)
      const network = IpNetwork.fromAddressUnsafe(first, Math.min(length, NetAddress.width(first)))
      const near = Uint8Array.from(bytes)
      for (const bit of bits) near[bit >> 3]! ^= 0x80 >> (bit & 7)
      const address = addressOf(near)
      const text = NetAddress.formatIp(address)
      assert.strictEqual(contains([IpNetwork.format(network)], text), IpNetwork.contains(network, address))
      assert.strictEqual(contains(["192.0.2.1", IpNetwork.format(network), "2001:db8::1"], text), IpNetwork.contains(network, address))
    },
    { arbitrary: { runs: 1_000 } },
  )
})
