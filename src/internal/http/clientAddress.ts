/** The address of the client of a request, which may stand behind proxies. */
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { type Address, parseAddress } from "../net/address.ts"
import { compile, type Network, parseNetwork } from "../net/networks.ts"
import { forwarded, xForwardedFor } from "./forwarded.ts"

/**
 * Where the address of a request's client is found, for keys that may be used from certain addresses only.
 * @category models
 * @since 0.1.0
 */
export interface ProxyOptions {
  /**
   * The networks of the proxies in front, such as `10.0.0.0/8`. A request that a proxy sends has the address that the proxy's header names, read
   * from the right. A client within these networks may claim any address. Default: none, and the address is that of the socket.
   */
  readonly trustedProxies?: ReadonlyArray<string> | undefined
  /**
   * The header that the proxies append to: `X-Forwarded-For`, or `Forwarded` of RFC 7239. The other one is never read. Needs `trustedProxies`.
   * Default: `x-forwarded-for`.
   */
  readonly forwardedHeader?: "x-forwarded-for" | "forwarded" | undefined
}

/** Throws for options that are wrong, as for other mistakes of a program. */
export const trustedProxiesFrom = ({ trustedProxies, forwardedHeader }: ProxyOptions): TrustedProxies | undefined => {
  if (trustedProxies === undefined) {
    if (forwardedHeader === undefined) return undefined
    throw new Error("forwardedHeader needs trustedProxies: without them no header is read")
  }
  const networks = trustedProxies.map((text) =>
    Result.getOrThrowWith(parseNetwork(text), (message) => new Error(`Each of trustedProxies ${message}`)),
  )
  return { networks, header: forwardedHeader }
}

/** The proxies that write a header in which the address of the client may be trusted. */
export interface TrustedProxies {
  /** Proxies alone: a client in one of these networks may claim any address. */
  readonly networks: ReadonlyArray<Network>
  /**
   * The header that the proxies append to, `x-forwarded-for` by default. The other header is never read. A proxy passes it on as a stranger
   * sent it.
   */
  readonly header?: "x-forwarded-for" | "forwarded" | undefined
}

/**
 * Gives the address of a request's client, or `undefined` if it isn't known.
 *
 * Without proxies it is `remoteAddress`: that of the socket, unless a middleware of the application has set another one. With proxies it is
 * that of the socket, or, if a proxy sent the request, the last address in the header that is no proxy's. The first one is taken where all are
 * of proxies, as by Effect's `HttpMiddleware.xForwardedHeaders`. Where that middleware keeps the address of the proxy, as the header is missing
 * or an element names no address, there is none here: a stranger's request would pass for one of the proxy.
 */
export const makeClientAddress = (
  proxies?: TrustedProxies,
): ((request: Pick<HttpServerRequest.HttpServerRequest, "headers" | "peerAddress" | "remoteAddress">) => Address | undefined) => {
  if (proxies === undefined) return ({ remoteAddress }) => parse(remoteAddress)
  const isProxy = compile(proxies.networks)
  const header = proxies.header === "forwarded" ? forwarded : xForwardedFor
  return ({ headers, peerAddress }) => {
    const peer = parse(peerAddress)
    if (peer === undefined || !isProxy(peer)) return peer
    const value = headers[header.name]
    if (value === undefined) return undefined
    for (let end = value.length; ;) {
      const comma = header.commaBefore(value, end)
      const address = header.addressOf(value.slice(comma + 1, end))
      if (address === undefined || comma < 0 || !isProxy(address)) return address
      end = comma
    }
  }
}

const parse = (text: Option.Option<string>): Address | undefined => (Option.isSome(text) ? parseAddress(text.value) : undefined)
