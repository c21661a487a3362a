/** What a store of balances has to do: see `Meters`. */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** The store of the balances failed, or didn't answer in time. @category errors @since 0.1.0 */
export class MetersError extends Schema.TaggedError<MetersError>()("MetersError", { cause: Schema.Defect() }) {
  override get message(): string {
    return "The store of meters failed"
  }
}

/**
 * The balance of a quota: `amount` less the units that were used.
 * @category models
 * @since 0.1.0
 */
export interface QuotaRule {
  readonly _tag: "Quota"
  readonly amount: number
  /** The current period by the node's calendar: instants in milliseconds since 1970; `null` without a refill. */
  readonly begin: number | null
  readonly end: number | null
  /**
   * The refill at `begin` of a balance that was last refilled at `known`: `add` units more, up to `ceiling`. A store with a balance of another
   * moment answers `isStale`, unless `known` is `null`, for a refill that is the same whenever the last one was.
   */
  readonly known: number | null
  readonly add: number
  readonly ceiling: number
}

/**
 * The units of a rate limit. Leased units are spent within `leaseMillis`. The store counts them for that time more.
 * @category models
 * @since 0.1.0
 */
export interface RateRule {
  readonly _tag: "Window" | "Bucket"
  readonly limit: number
  readonly windowMillis: number
  /** At most the window. */
  readonly leaseMillis: number
}

/**
 * A request of a node for a lease on a meter. A node has one request for a meter at a time.
 * @category models
 * @since 0.1.0
 */
export interface LeaseRequest {
  readonly meter: string
  readonly rule: QuotaRule | RateRule
  readonly node: string
  /** Numbers the requests of a node for a meter, in ascending order. A request that arrives twice has the same answer, and one effect. */
  readonly turn: number
  /** The first turn whose answer was lost, as were those of all turns since; 0 for none. The units of the latest of them go back. */
  readonly lost: number
  /** The units of earlier leases that go back. */
  readonly unspent: number
  /** The units that were spent without a lease. */
  readonly owed: number
  /** The fewest units that are of use now. */
  readonly least: number
  /** The units that are asked for now. */
  readonly waiting: number
  /** The units that are welcome beyond those. None of the last units is given as surplus. */
  readonly surplus: number
}

/**
 * A lease, in the order of the requests.
 * @category models
 * @since 0.1.0
 */
export interface LeaseAnswer {
  /** 0, or at least `least`. */
  readonly granted: number
  /** The units that are left for all nodes. */
  readonly remaining: number
  /** The nodes that hold units, this one included. */
  readonly holders: number
  /** Of a quota: the moment of the last refill, `-Infinity` without one. */
  readonly at: number
  /** The store's time. */
  readonly now: number
  /** Of a rate limit: the time until `least` units are there, and the time until there are more units than now. Milliseconds. */
  readonly waitMillis: number
  readonly resetMillis: number
  /** The rule is of another period than the store's. Nothing was done: the request is to be made again by `at` and `now`. */
  readonly isStale: boolean
}

/**
 * A change of a quota's balance by hand.
 *
 * - `add`: more units, beyond the amount too; a negative number takes units away, at most those that are left.
 * - `refund`: spent units come back, at most up to the quota's amount.
 * @category models
 * @since 0.1.0
 */
export interface Adjustment {
  readonly meter: string
  readonly rule: QuotaRule
  /** Names the change. A change that was made already isn't made again. `null` for a look, with no units. */
  readonly request: string | null
  readonly kind: "add" | "refund"
  readonly units: number
}

/** The outcome of an {@link Adjustment}. @category models @since 0.1.0 */
export interface Adjusted {
  /** `done` now, or `repeated` for a change that was made before; `conflict` if the request's name was used for another change. */
  readonly outcome: "done" | "repeated" | "conflict" | "stale"
  /** The units by which the balance changed. */
  readonly units: number
  readonly remaining: number
  readonly at: number
  readonly now: number
}

/** The members of `Meters`. @category models @since 0.1.0 */
export interface Balances {
  /**
   * Who shares the balances. `memory`: this program, which gets an `Exit`. `embedded`: this program, but asking costs I/O. `shared`: several
   * nodes, which then keep rate limits together.
   */
  readonly scope: "memory" | "embedded" | "shared"
  readonly lease: (requests: ReadonlyArray<LeaseRequest>) => Effect.Effect<ReadonlyArray<LeaseAnswer>, MetersError>
  readonly adjust: (adjustment: Adjustment) => Effect.Effect<Adjusted, MetersError>
  /** Whether the caller keeps the store from answering, such as within a transaction on the only connection. */
  readonly isBlocked?: (context: Context.Context<never>) => boolean
}
