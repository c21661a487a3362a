/** Meters in the program's own memory. Nobody else shares them, so no surplus is leased. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Adjusted, Adjustment, Balances, LeaseAnswer, LeaseRequest } from "./contract.ts"
import * as Ledger from "./ledger.ts"

/** How many changes by hand are remembered. */
const maxRequests = 10_000

/** `now` is in milliseconds since 1970. */
export const make = (now: () => number): Balances => {
  const balances = new Map<string, Ledger.Balance>()
  const requests = new Map<string, { readonly kind: string; readonly units: number; readonly applied: number }>()

  const balanceOf = (meter: string): Ledger.Balance => {
    const known = balances.get(meter)
    if (known !== undefined) return known
    const made = Ledger.empty()
    balances.set(meter, made)
    return made
  }

  const adjust = (adjustment: Adjustment): Adjusted => {
    const name = JSON.stringify([adjustment.meter, adjustment.request])
    const adjusted = Ledger.adjust(balanceOf(adjustment.meter), adjustment, requests.get(name), now())
    if (adjusted.outcome === "done" && adjustment.request !== null) {
      requests.set(name, { kind: adjustment.kind, units: adjustment.units, applied: adjusted.units })
      const [oldest] = requests.keys()
      if (requests.size > maxRequests && oldest !== undefined) requests.delete(oldest)
    }
    return adjusted
  }

  return {
    scope: "memory",
    // The answer is there at once.
    lease: (asked: ReadonlyArray<LeaseRequest>): Exit.Exit<ReadonlyArray<LeaseAnswer>> =>
      Exit.succeed(asked.map((request) => Ledger.lease(balanceOf(request.meter), request, now()))),
    adjust: (adjustment) => Effect.sync(() => adjust(adjustment)),
  }
}
