/** The policies of simulated keys: a gate that all nodes know, and a kind that some nodes don't know yet. */
import * as Schema from "effect/Schema"
import { PolicyRefused } from "../../../ApiKeyError.ts"
import type { ApiKey } from "../../../ApiKey.ts"
import * as KeyPolicy from "../../../KeyPolicy.ts"

/** The value of `gate`: it opens or closes at a time, in milliseconds, and is the other way before. `newer` says whether the key works. */
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

/** Policies that such a node may give. `now` is its time. */
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

/** Why a node refuses a key that nothing else refuses, at a time of its clock. The rules are said here anew. */
export const refusalOf = ({ policies }: ApiKey, millis: number, knowsNewer: boolean): string | undefined => {
  if (policies === null) return undefined
  // Only a simulation writes records of a simulation.
  const { gate, newer } = policies as Policies
  if (newer !== undefined && !knowsNewer) return "UnknownPolicy"
  if (gate !== undefined && millis < gate.at === gate.opens) return "PolicyRefused gate"
  return newer === false ? "PolicyRefused newer" : undefined
}
