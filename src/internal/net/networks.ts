/** Lists of networks in CIDR notation, and whether one of them contains an address. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import { safeText } from "../text/safe.ts"
import { type Address, formatAddress, isIpv4, parseAddress } from "./address.ts"

/** The addresses that begin with the bits of one address. No bit beyond the prefix is set. */
export class Network {
  readonly address: Address
  /** Of the 32 bits of IPv4, or the 128 of IPv6. */
  readonly prefixLength: number
  constructor(address: Address, prefixLength: number) {
    this.address = address
    this.prefixLength = prefixLength
  }
  toString(): string {
    return `${formatAddress(this.address)}/${this.prefixLength}`
  }
}

/**
 * Reads a network, or says what is wrong with the text. An address alone is the network of that address. A network of mapped addresses is the
 * network of IPv4. Networks of IPv6, `::/0` too, contain no address of IPv4.
 */
export const parseNetwork = (text: string): Result.Result<Network, string> => {
  const [written = "", prefix, ...rest] = text.split("/", 3)
  const address = written.includes("%") ? undefined : parseAddress(written)
  const shown = `"${safeText(text.slice(0, 64))}"`
  if (address === undefined || rest.length > 0) {
    return Result.fail(`must be an address or a network such as 10.0.0.0/8 or 2001:db8::/32; ${shown} isn't`)
  }
  const isMapped = isIpv4(address) && written.includes(":")
  const bits = isIpv4(address) && !isMapped ? 32 : 128
  const writtenLength = prefix === undefined ? bits : /^(?:0|[1-9]\d{0,2})$/.test(prefix) ? Number(prefix) : NaN
  if (!(writtenLength <= bits)) return Result.fail(`must have a prefix length from 0 to ${bits}, in digits alone; ${shown} has another`)
  if (isMapped && writtenLength < 96) {
    return Result.fail(`must be written as a network of IPv4, or with a prefix length from 96 to 128, as ${shown} names mapped addresses`)
  }
  const prefixLength = isMapped ? writtenLength - 96 : writtenLength
  const first = firstAddress(address, prefixLength)
  if (isWithin(address, first, fullMask)) return Result.succeed(new Network(address, prefixLength))
  const [network, alone] = [new Network(first, prefixLength), new Network(address, isIpv4(address) ? 32 : 128)]
  return Result.fail(
    `must have no bit set beyond its prefix; for ${shown} write ${network} for the network, or ${alone} for the one address`,
  )
}

/** A network, as its text in canonical form. */
const NetworkFromString = Schema.String.pipe(
  Schema.decodeTo(
    Schema.declare((value): value is Network => value instanceof Network),
    {
      decode: SchemaGetter.transformEffect((text: string) => {
        const network = parseNetwork(text)
        return Result.isSuccess(network)
          ? Effect.succeed(network.success)
          : Effect.fail(new SchemaIssue.InvalidValue({ message: network.failure }))
      }),
      encode: SchemaGetter.transform(String),
    },
  ),
)

/** 1 to 256 networks, as their texts. */
export const Networks: Schema.Codec<ReadonlyArray<Network>, ReadonlyArray<string>> = Schema.Array(NetworkFromString).check(
  Schema.isMinLength(1),
  Schema.isMaxLength(256),
)

/** Whether one of the networks contains an address, without allocation. */
export const compile = (networks: ReadonlyArray<Network>): ((address: Address) => boolean) => {
  const ofIpv4 = networks.filter(({ address }) => isIpv4(address))
  const ofIpv6 = networks.filter(({ address }) => !isIpv4(address))
  // The last word of the address and of the mask in turn.
  const short = Int32Array.from(ofIpv4.flatMap(({ address, prefixLength }) => [address.w3, maskOf(prefixLength)]))
  const long = ofIpv6.map(({ address, prefixLength }) => ({ first: address, mask: longMask(prefixLength) }))
  return (address) => {
    if (isIpv4(address)) {
      for (let at = 0; at < short.length; at += 2) {
        // Words and masks come in pairs.
        if ((address.w3 & short[at + 1]!) === short[at]!) return true
      }
      return false
    }
    for (const { first, mask } of long) if (isWithin(address, first, mask)) return true
    return false
  }
}

const isWithin = (address: Address, first: Address, mask: Address): boolean =>
  (address.w0 & mask.w0) === first.w0 &&
  (address.w1 & mask.w1) === first.w1 &&
  (address.w2 & mask.w2) === first.w2 &&
  (address.w3 & mask.w3) === first.w3

const firstAddress = (address: Address, prefixLength: number): Address => {
  const mask = longMask(isIpv4(address) ? 96 + prefixLength : prefixLength)
  return { w0: address.w0 & mask.w0, w1: address.w1 & mask.w1, w2: address.w2 & mask.w2, w3: address.w3 & mask.w3 }
}

const longMask = (prefixLength: number): Address => ({
  w0: maskOf(prefixLength),
  w1: maskOf(prefixLength - 32),
  w2: maskOf(prefixLength - 64),
  w3: maskOf(prefixLength - 96),
})

/** A word whose first bits are set: none for a length of 0 or less, all for one of 32 or more. */
const maskOf = (length: number): number => (length <= 0 ? 0 : length >= 32 ? -1 : -1 << (32 - length))

const fullMask = longMask(128)
