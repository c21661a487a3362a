/**
 * Headers in which proxies append the address that sent them a request: `X-Forwarded-For`, and `Forwarded` of RFC 7239.
 *
 * Both are read from the right, element by element. What stands left of an element was sent by its address, which may be a stranger, so it
 * can't change how that element is read: a quotation mark that is never closed, for one.
 */
import { type Address, parseAddress } from "../net/address.ts"

/** How one of the headers is read. */
export interface ForwardedHeader {
  /** In lower case. */
  readonly name: string
  /** The index of the comma before the element that ends at `end`, or -1 for the first element. */
  readonly commaBefore: (value: string, end: number) => number
  /** The address that an element names, or `undefined` for `unknown`, a hidden name, and what isn't well formed. */
  readonly addressOf: (element: string) => Address | undefined
}

/** Each element is an address, with or without a port. */
export const xForwardedFor: ForwardedHeader = {
  name: "x-forwarded-for",
  commaBefore: (value, end) => (end === 0 ? -1 : value.lastIndexOf(",", end - 1)),
  addressOf: (element) => {
    const node = element.trim()
    return parseAddress(node) ?? parseNode(node)
  },
}

/** RFC 7239 §4: each element has pairs such as `for=192.0.2.60;proto=http`. An element without `for` names no address. */
export const forwarded: ForwardedHeader = {
  name: "forwarded",
  commaBefore: (value, end) => {
    for (let at = end - 1; at >= 0; at--) {
      const character = value[at]
      if (character === ",") return at
      // Without an opening quote the element reaches to the beginning, and isn't well formed.
      if (character === '"') at = openingQuote(value, at)
    }
    return -1
  },
  addressOf: (element) => {
    const node = readFor(element.trim())
    return node === undefined ? undefined : parseNode(node)
  },
}

/** The index of the quotation mark that opens a quoted string, or -1. One within the string has an odd number of backslashes before it. */
const openingQuote = (value: string, closing: number): number => {
  for (let at = closing - 1; at >= 0; at--) {
    if (value[at] !== '"') continue
    const quote = at
    while (value[at - 1] === "\\") at--
    if ((quote - at) % 2 === 0) return quote
  }
  return -1
}

/** The value of `for`, or `undefined` if there is none, a name occurs twice, or something isn't of the grammar. */
const readFor = (element: string): string | undefined => {
  const names = new Set<string>()
  let node: string | undefined
  for (let at = 0; at < element.length; at = pair.lastIndex) {
    pair.lastIndex = at
    const match = pair.exec(element)
    if (match === null) return undefined
    const [, written, token, quoted] = match
    if (written === undefined) continue
    const name = written.toLowerCase()
    if (names.has(name)) return undefined
    names.add(name)
    if (name === "for") node = token ?? quoted?.replace(/\\(.)/g, "$1")
  }
  return node
}

/**
 * `token=token`, `token="quoted"` or nothing, and the semicolon after it (RFC 9110 §5.6). The grammar of RFC 7239 has no space around a
 * semicolon, but proxies write one.
 */
const pair =
  /(?:([!#$%&'*+\-.^_`|~\w]+)=(?:([!#$%&'*+\-.^_`|~\w]+)|"((?:[\t !\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t -\x7e\x80-\xff])*)"))?[ \t]*(?:;[ \t]*|$)/y

/** RFC 7239 §6: an address of IPv4, or of IPv6 in brackets; a port, or a hidden one, may follow. Names such as `unknown` and `_hidden` don't match. */
const parseNode = (node: string): Address | undefined => {
  const [, ipv6, ipv4 = ""] = /^(?:\[([\da-f.]*:[\da-f:.]*)\]|([\d.]+))(?::(?:\d{1,5}|_[\w.-]+))?$/i.exec(node) ?? []
  return parseAddress(ipv6 ?? ipv4)
}
