/**
 * Networks from which a key may be used. A record holds them as the policy `allowedIps`: `{ "allowedIps": ["10.0.0.0/8", "2001:db8::/32"] }`.
 *
 * Every service knows this policy. `verify` takes the caller's `address`, and fails with `IpNotAllowed` for any other address and for none.
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"
import { type Network, Networks } from "./internal/net/networks.ts"

/** The kind of the policy that holds a record's networks. @category constants @since 0.1.0 */
export const kind = "allowedIps"

/**
 * 1 to 256 networks in CIDR notation, of IPv4 and IPv6. An address alone is the network of that address. A mapped address (`::ffff:192.0.2.7`)
 * is one of IPv4. Bits beyond the prefix are refused, as they are a slip: `10.1.2.3/8` may mean either `10.0.0.0/8` or `10.1.2.3`.
 * @category schemas
 * @since 0.1.0
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { AllowedIps } from "effect-api-key"
 *
 * const networks = Schema.decodeUnknownSync(AllowedIps.AllowedIps)(["10.0.0.0/8", "2001:DB8::7"])
 *
 * networks.map(String) // => ["10.0.0.0/8", "2001:db8::7/128"]
 * ```
 */
export const AllowedIps: Schema.Codec<ReadonlyArray<Network>, ReadonlyArray<string>> = Networks
