// prefixed-api-key: its check of a token against a hash at hand, with the look-up in a `Map` that its user has to do.
import { checkAPIKey, extractShortToken, generateAPIKey } from "prefixed-api-key"
import { shuffle } from "../support/tokens.ts"
import { against, keyCount } from "./against.ts"

const hashes = new Map<string, string>()
const tokens: Array<string> = []
for (let index = 0; index < keyCount; index++) {
  const { token, shortToken, longTokenHash } = await generateAPIKey({ keyPrefix: "ak" })
  if (token === undefined || shortToken === undefined || longTokenHash === undefined) throw new Error("No key was generated")
  hashes.set(shortToken, longTokenHash)
  tokens.push(token)
}
const order = shuffle(tokens)
const bytes = order.map((token) => Buffer.from(token, "latin1"))
let fresh = order

await against(
  "prefixed-api-key",
  {
    before: () => {
      fresh = bytes.map((token) => token.toString("latin1"))
    },
    run: (count) => {
      for (let index = 0; index < count; index++) {
        const token = fresh[index % fresh.length]!
        const hash = hashes.get(extractShortToken(token))
        if (hash === undefined || !checkAPIKey(token, hash)) throw new Error("A good token was refused")
      }
    },
  },
  undefined,
  "1.1.1: only the check, no expiry, scopes or status",
)
