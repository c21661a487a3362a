/**
 * Addresses of IPv4 and IPv6 as four words, which {@link compile} of `networks.ts` compares. Effect's `NetAddress` reads the same texts in
 * ten times the time, and makes an error with a stack of each text that is no address.
 */

/** An address of IPv4 stands where IPv6 maps it (`::ffff:0:0/96`), so an address and its mapped form are the same. */
export interface Address {
  readonly w0: number
  readonly w1: number
  readonly w2: number
  readonly w3: number
}

/**
 * The address that a text names, or `undefined`. The name of an interface after a link-local address (`fe80::1%eth0`), which Node adds to
 * such addresses of a socket, is left out. Octets with leading zeros, ports and brackets make a text no address.
 */
export const parseAddress = (text: string): Address | undefined => {
  if (text.length > maxLength) return undefined
  if (!text.includes(":")) {
    const word = parseIpv4(text, 0, text.length)
    return word < 0 ? undefined : { w0: 0, w1: 0, w2: mapped, w3: word | 0 }
  }
  const zoneAt = text.indexOf("%")
  if (zoneAt < 0) return parseIpv6(text, text.length)
  const address = zoneAt === text.length - 1 ? undefined : parseIpv6(text, zoneAt)
  return address !== undefined && isLinkLocal(address) ? address : undefined
}

/** The text of RFC 5952; an address of IPv4, mapped or not, with points. */
export const formatAddress = (address: Address): string => {
  const { w0, w1, w2, w3 } = address
  if (isIpv4(address)) return `${w3 >>> 24}.${(w3 >>> 16) & 0xff}.${(w3 >>> 8) & 0xff}.${w3 & 0xff}`
  const text = [w0, w1, w2, w3].map((word) => `${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`).join(":")
  // The first of the longest runs of two or more zeros.
  const [longest = ""] = Array.from(text.matchAll(/(?<![^:])0(?::0)+(?![^:])/g), ([run]) => run).sort((a, b) => b.length - a.length)
  return longest === "" ? text : text.replace(new RegExp(`(?:^|:)${longest}(?:$|:)`), "::")
}

export const isIpv4 = ({ w0, w1, w2 }: Address): boolean => w0 === 0 && w1 === 0 && w2 === mapped

/** `fe80::/10`. */
const isLinkLocal = ({ w0 }: Address): boolean => w0 >>> 22 === 0xfe80 >>> 6

/** The third word of `::ffff:0:0`. */
const mapped = 0xffff

/** An address of IPv6 in its longest form, and the name of an interface. */
const maxLength = 64

/** The word of four octets, or -1. */
const parseIpv4 = (text: string, from: number, until: number): number => {
  let word = 0
  let octet = -1
  let points = 0
  for (let at = from; at < until; at++) {
    const code = text.charCodeAt(at)
    if (code === point) {
      if (octet < 0) return -1
      word = word * 256 + octet
      octet = -1
      points++
    } else {
      // A leading zero may mean an octal number to another reader.
      if (code < zero || code > nine || octet === 0) return -1
      octet = octet < 0 ? code - zero : octet * 10 + code - zero
      if (octet > 255) return -1
    }
  }
  return points === 3 && octet >= 0 ? word * 256 + octet : -1
}

/** The groups of the address that is being read. Reading never waits, so one array serves all. */
const groups = new Int32Array(8)

const parseIpv6 = (text: string, until: number): Address | undefined => {
  let count = 0
  /** The number of groups before `::`, which stands for at least one group of zeros. */
  let gapAt = -1
  let at = 0
  if (text.charCodeAt(0) === colon) {
    if (text.charCodeAt(1) !== colon) return undefined
    gapAt = 0
    at = 2
  }
  while (at < until) {
    if (count === 8) return undefined
    const from = at
    let group = 0
    for (let digit = hexDigit(text, at, until); digit >= 0; digit = hexDigit(text, at, until)) {
      group = group * 16 + digit
      at++
    }
    if (at < until && text.charCodeAt(at) === point) {
      const word = count > 6 ? -1 : parseIpv4(text, from, until)
      if (word < 0) return undefined
      groups[count++] = word >>> 16
      groups[count++] = word & 0xffff
      break
    }
    if (at === from || at - from > 4) return undefined
    groups[count++] = group
    if (at === until) break
    if (text.charCodeAt(at) !== colon || ++at === until) return undefined
    if (text.charCodeAt(at) === colon) {
      if (gapAt >= 0) return undefined
      gapAt = count
      at++
    }
  }
  if (gapAt < 0 ? count !== 8 : count === 8) return undefined
  if (gapAt >= 0) {
    groups.copyWithin(8 - (count - gapAt), gapAt, count)
    groups.fill(0, gapAt, 8 - (count - gapAt))
  }
  return { w0: wordAt(0), w1: wordAt(2), w2: wordAt(4), w3: wordAt(6) }
}

// The index is within the eight groups.
const wordAt = (at: number): number => (groups[at]! << 16) | groups[at + 1]!

/** The value of a hexadecimal digit, or -1. */
const hexDigit = (text: string, at: number, until: number): number => {
  if (at >= until) return -1
  const code = text.charCodeAt(at)
  if (code >= zero && code <= nine) return code - zero
  const letter = (code | 0x20) - 0x61
  return letter >= 0 && letter < 6 ? letter + 10 : -1
}

const zero = 0x30
const nine = 0x39
const point = 0x2e
const colon = 0x3a
