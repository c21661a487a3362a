declare const MetersError_base: Schema.Class<
  MetersError,
  Schema.TaggedStruct<
    "MetersError",
    {
      readonly cause: Schema.Defect
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class MetersError extends MetersError_base {
  get message(): string
}

export interface QuotaRule {
  readonly _tag: "Quota"
  readonly amount: number
  readonly begin: number | null
  readonly end: number | null
  readonly known: number | null
  readonly add: number
  readonly ceiling: number
}

export interface RateRule {
  readonly _tag: "Window" | "Bucket"
  readonly limit: number
  readonly windowMillis: number
  readonly leaseMillis: number
}

export interface LeaseRequest {
  readonly meter: string
  readonly rule: QuotaRule | RateRule
  readonly node: string
  readonly turn: number
  readonly lost: number
  readonly unspent: number
  readonly owed: number
  readonly least: number
  readonly waiting: number
  readonly surplus: number
}

export interface LeaseAnswer {
  readonly granted: number
  readonly remaining: number
  readonly holders: number
  readonly at: number
  readonly now: number
  readonly waitMillis: number
  readonly resetMillis: number
  readonly isStale: boolean
}

export interface Adjustment {
  readonly meter: string
  readonly rule: QuotaRule
  readonly request: string | null
  readonly kind: "add" | "refund"
  readonly units: number
}

export interface Adjusted {
  readonly outcome: "done" | "repeated" | "conflict" | "stale"
  readonly units: number
  readonly remaining: number
  readonly at: number
  readonly now: number
}

export interface Balances {
  readonly scope: "memory" | "embedded" | "shared"
  readonly lease: (requests: ReadonlyArray<LeaseRequest>) => Effect.Effect<ReadonlyArray<LeaseAnswer>, MetersError>
  readonly adjust: (adjustment: Adjustment) => Effect.Effect<Adjusted, MetersError>
  readonly isBlocked?: (context: Context.Context<never>) => boolean
}
