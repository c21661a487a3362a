/** The policy `allowedIps`: networks from which a key may be used. They are compiled once for all keys that have the same policies. */
import { AllowedIps, kind } from "../../AllowedIps.ts"
import { IpNotAllowed } from "../../ApiKeyError.ts"
import * as KeyPolicy from "../../KeyPolicy.ts"
import { parseAddress } from "../net/address.ts"
import { compile } from "../net/networks.ts"
import { keyIdOf } from "../record/previousToken.ts"
import { withoutStack } from "../schema/withoutStack.ts"

export const allowedIps: KeyPolicy.KeyPolicy = KeyPolicy.make({
  kind,
  schema: AllowedIps,
  compile: (networks) => {
    const contains = compile(networks)
    return {
      rule: (subject, { address: text }) => {
        const address = typeof text === "string" ? parseAddress(text) : undefined
        if (address !== undefined && contains(address)) return undefined
        return withoutStack(() => new IpNotAllowed({ keyId: keyIdOf(subject) }, { disableChecks: true }))
      },
    }
  },
})
