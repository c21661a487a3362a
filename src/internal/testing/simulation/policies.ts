/** The policies of simulated keys: a gate that all nodes know, and a kind that some nodes don't know yet. */
import * as Schema from "effect/Schema"
import { PolicyRefused } from "../../../ApiKeyError.ts"
import type { ApiKey } from "../../../ApiKey.ts"
import * as KeyPolicy from "../../../KeyPolicy.ts"

/** A `gate` opens or closes at a time in milliseconds; before that time it is the opposite. `newer` says whether the key works. */
type Policies = {
  readonly gate?: { readonly at: number; readonly opens: boolean }
  readonly newer?: boolean
}

const refuse = ({ keyId }: ApiKey, kind: string): PolicyRefused => new PolicyRefused({ keyId, kind, reason: "simulated" })

const gate = KeyPolicy.make({
  kind: "gate",
  schema: Schema.Struct({ at: Schema.Finite, opens: Schema.Boolean }),
  compile: ({ at, opens }) => ({ rule: ({ apiKey }, _use, now) => (now >= at === opens ? undefined : refuse(apiKey, "gate")) }),
})

const newer = KeyPolicy.make({
  kind: "newer",
  schema: Schema.Boolean,
  compile: (works) => ({ rule: ({ apiKey }) => (works ? undefined : refuse(apiKey, "newer")) }),
})

/** The kinds that a node knows. */
export const kindsOf = (knowsNewer: boolean): ReadonlyArray<KeyPolicy.KeyPolicy> => (knowsNewer ? [gate, newer] : [gate])

/** Draws policies that a node may set. `now` is the node's time. */
export const drawPolicies = (
  { chance, draw }: { readonly chance: (percent: number) => boolean; readonly draw: (bound: number) => number },
  knowsNewer: boolean,
  now: number,
): Policies | null => {
  if (chance(40)) return null
  const gate = { at: Math.floor(now) - 2_000 + draw(10_000), opens: chance(60) }
  if (!knowsNewer || chance(60)) return { gate }
  const newer = chance(75)
  return chance(50) ? { newer } : { gate, newer }
}

/** The refusal of a key by its policies, at a time of the node's clock. The rules are written here independently of the code under test. */
export const refusalOf = ({ policies }: ApiKey, millis: number, knowsNewer: boolean): string | undefined => {
  if (policies === null) return undefined
  // Only `drawPolicies` makes the policies of simulated records, so the cast holds.
  const { gate, newer } = policies as Policies
  if (newer !== undefined && !knowsNewer) return "UnknownPolicy"
  if (gate !== undefined && millis < gate.at === gate.opens) return "PolicyRefused gate"
  return newer === false ? "PolicyRefused newer" : undefined
}
