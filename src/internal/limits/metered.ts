/** The meters of keys and owners, for the policies whose units are leased. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ApiKey } from "../../ApiKey.ts"
import type { InvalidKey, RepositoryError } from "../../ApiKeyError.ts"
import type * as KeyPolicy from "../../KeyPolicy.ts"
import type { LimitState } from "../../RateLimit.ts"
import { Held, type Source } from "./held.ts"
import { IdleMap } from "./idleMap.ts"
import type { Leases } from "./leases.ts"

/** A quota or limit of the compiled policy. */
export interface Metered extends Source {
  /** The name of the key's own meter, and of the one that an owner's keys share, if they do. */
  readonly place: string
  readonly shared: string | undefined
  readonly windowSeconds: number | null
}

interface OfKey {
  readonly of: ReadonlyArray<Metered>
  readonly ownerId: string | null
  readonly helds: ReadonlyArray<Held>
}

export interface Keys {
  readonly take: (
    of: ReadonlyArray<Metered>,
    subject: KeyPolicy.Subject,
    units: number,
  ) => Effect.Effect<KeyPolicy.Taken, InvalidKey | RepositoryError>
}

/** The time after which a meter that isn't used is forgotten, in milliseconds. */
const forgetMillis = 60_000

/** The name of a meter. Ids of keys have no spaces, and the kind of a meter comes before the name of an owner, which may have some. */
export const meterOf = ({ place, shared }: Metered, { id, ownerId }: ApiKey): string =>
  shared === undefined || ownerId === null ? `key ${id} ${place}` : `owner ${shared} ${ownerId}`

export const make = (
  { monotonicNow, spend, unspend }: Leases,
  refuse: (subject: KeyPolicy.Subject, of: ReadonlyArray<Metered>, helds: ReadonlyArray<Held>, units: number, now: number) => InvalidKey,
): Keys => {
  const isIdle = (held: Held, now: number): boolean => held.isIdle && now - held.lastUse > forgetMillis
  const keys = new IdleMap<OfKey>(({ helds }, now) => helds.every((held) => isIdle(held, now)))
  const owners = new IdleMap<Held>(isIdle)

  const heldOf = (metered: Metered, apiKey: ApiKey, before: OfKey | undefined, now: number): Held => {
    const meter = meterOf(metered, apiKey)
    const isOwners = metered.shared !== undefined && apiKey.ownerId !== null
    const known = isOwners ? owners.get(meter) : before?.helds.find((held) => held.meter === meter)
    if (known !== undefined) {
      known.change(metered)
      return known
    }
    const made = new Held(meter, metered, now)
    if (isOwners) owners.set(meter, made)
    return made
  }

  const heldsOf = (of: ReadonlyArray<Metered>, apiKey: ApiKey, now: number): ReadonlyArray<Held> => {
    const known = keys.get(apiKey.id)
    if (
      known !== undefined &&
      known.of === of &&
      known.ownerId === apiKey.ownerId &&
      known.helds.every((held, index) => held.source === of[index])
    )
      return known.helds
    const helds = of.map((metered) => heldOf(metered, apiKey, known, now))
    keys.set(apiKey.id, { of, ownerId: apiKey.ownerId, helds })
    return helds
  }

  const take: Keys["take"] = (of, subject, units) => {
    const now = monotonicNow()
    // None of the meters is in use here.
    keys.dropIdle(now)
    owners.dropIdle(now)
    const helds = heldsOf(of, subject.apiKey, now)
    const taken = (): KeyPolicy.Taken => new Units(of, helds, units, monotonicNow(), unspend)
    const refusal = (failure: Held | RepositoryError): InvalidKey | RepositoryError =>
      failure instanceof Held ? refuse(subject, of, helds, units, monotonicNow()) : failure
    if (!Number.isFinite(units)) return Exit.fail(refuse(subject, of, helds, units, now))
    const spent = spend(helds, units)
    if (spent === Exit.void) return Exit.succeed(taken())
    return Effect.matchEffect(spent, { onFailure: (failure) => Exit.fail(refusal(failure)), onSuccess: () => Exit.succeed(taken()) })
  }

  return { take }
}

/** The units that a use has taken. */
class Units implements KeyPolicy.Taken {
  readonly limits: ReadonlyArray<LimitState>
  private readonly helds: ReadonlyArray<Held>
  private readonly leases: ReadonlyArray<number>
  private readonly units: number
  private readonly unspend: Leases["unspend"]

  constructor(of: ReadonlyArray<Metered>, helds: ReadonlyArray<Held>, units: number, now: number, unspend: Leases["unspend"]) {
    this.limits = statesOf(of, helds, now)
    this.helds = helds
    this.leases = helds.map(({ lease }) => lease)
    this.units = units
    this.unspend = unspend
  }

  get giveBack(): Effect.Effect<void> {
    return Effect.sync(() => this.unspend(this.helds, this.leases, this.units))
  }
}

export const statesOf = (of: ReadonlyArray<Metered>, helds: ReadonlyArray<Held>, now: number): ReadonlyArray<LimitState> => {
  const states: Array<LimitState> = []
  for (let index = 0; index < of.length; index++) {
    // There is a meter for each.
    const [{ name, limit, windowSeconds }, held] = [of[index]!, helds[index]!]
    const reset = held.resetAfter(now)
    states.push({
      name,
      limit,
      windowSeconds,
      remaining: held.remaining,
      resetAfterMillis: Number.isFinite(reset) ? Math.round(reset * 1e5) / 1e5 : null,
    })
  }
  return states
}
