/** Checks the prefix of new tokens. The application with the same keys would refuse tokens with another prefix. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { ApiKey } from "../../ApiKey.ts"
import { ApiKeys } from "../../ApiKeys.ts"
import { CliFailure, fromError } from "./CliFailure.ts"

/** The default prefix of tokens that are made in this process. It is `undefined`, and isn't checked, if the configuration sets the prefix. */
export const IssuedPrefix: Context.Reference<string | undefined> = Context.Reference<string | undefined>(
  "effect-api-key/cli/IssuedPrefix",
  { defaultValue: () => undefined },
)

/** Refuses to issue a key if all of the newest keys have another prefix. */
export const checkIssuedPrefix = Effect.gen(function* () {
  const issued = yield* IssuedPrefix
  if (issued === undefined) return
  const { items } = yield* Effect.mapError((yield* ApiKeys).search({ limit: newest, cursor: "" }), (error) => fromError(error))
  const [first, ...others] = items.filter(isOurs)
  if (first !== undefined && [first, ...others].every(({ prefix }) => prefix !== issued))
    return yield* otherPrefix("The keys here have", first.prefix, issued)
})

/** Refuses to replace the token of a key by one of another prefix. */
export const checkPrefixOf = Effect.fnUntraced(function* (key: ApiKey) {
  const issued = yield* IssuedPrefix
  if (issued !== undefined && key.prefix !== issued && isOurs(key)) return yield* otherPrefix("This key has", key.prefix, issued)
})

/** The number of newest keys whose prefixes are compared. */
const newest = 20

/** Whether the key's token is in this package's format. A key of another system gets such a token at its rotation. */
const isOurs = ({ keyId }: ApiKey): boolean => /^[0-9a-f]{16}$/.test(keyId)

const otherPrefix = (subject: string, prefix: string, issued: string): CliFailure =>
  new CliFailure({
    exitCode: 1,
    tag: "OtherPrefix",
    reason: `${subject} the prefix ${prefix}, and a token made here would have ${issued}, which their application refuses. Set API_KEY_PREFIX (and API_KEY_SEPARATOR) to what the application has; or to ${issued}, if that is meant`,
  })
