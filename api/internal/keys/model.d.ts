type Given<Value> = Value extends DateTime.Utc ? Model.InstantInput : Value extends ReadonlyArray<string> ? ReadonlyArray<string> : Value

type Optional<Name extends CreateField | UpdateField> = {
  readonly [Field in Name]?: Given<Model.ApiKey[Field]> | undefined
}

export interface CreateInput extends Optional<Exclude<CreateField, "name">> {
  readonly name: string
}

export type UpdateInput = Optional<UpdateField>

export interface Created {
  readonly apiKey: Model.ApiKey
  readonly token: Redacted.Redacted
}

type InstantBounds = {
  readonly [Name in Bound]?: Model.InstantInput | undefined
}

export interface Filter extends Omit<Repository.Filter, "expired" | "keyId" | Bound>, InstantBounds {
  readonly keyId?: string | undefined
  readonly expired?: boolean | undefined
}

export interface SearchInput extends Filter {
  readonly sort?: Repository.Sort | undefined
  readonly limit?: number | undefined
  readonly offset?: number | undefined
  readonly cursor?: string | undefined
}

export interface RotateOptions extends IfVersion, ConfirmWithin {
  readonly grace?: Duration.Input | undefined
  readonly graceFrom?: "now" | "firstUse" | undefined
  readonly ifPrevious?: "end" | "refuse" | undefined
}

export interface Upcoming {
  readonly apiKey: Model.ApiKey
  readonly reason: "expires" | "comesOfAge" | "idle"
  readonly at: DateTime.Utc
}

export interface UpcomingOptions {
  readonly within: Duration.Input
  readonly maximumAge?: Duration.Input | undefined
}

export interface SearchUpcomingInput extends UpcomingOptions {
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

export interface UpcomingPage {
  readonly items: ReadonlyArray<Upcoming>
  readonly nextCursor: string | null
}

export interface Revoked {
  readonly apiKey: Model.ApiKey
  readonly usedToken: Model.UsedToken
  readonly isEnded: boolean
}

export interface RevokeOptions {
  readonly reason: Model.DeactivationReason
  readonly report?: string | undefined
}

export interface HashUsage {
  readonly algorithm: string
  readonly parameters: string
  readonly pepper: string | null
  readonly count: number
  readonly isCurrent: boolean
}

export interface SealUsage {
  readonly sealId: string | null
  readonly count: number
  readonly isConfigured: boolean
  readonly isCurrent: boolean
}

export interface IfVersion {
  readonly ifVersion?: number | undefined
}

export interface ConfirmWithin {
  readonly confirmWithin?: Duration.Input | undefined
}

export interface ExportOptions {
  readonly hashes?: boolean | undefined
  readonly filter?: Filter | undefined
}

export interface DeactivateOptions {
  readonly reason?: Model.DeactivationReason | undefined
}

export interface HashingOptions {
  readonly permits?: number | undefined
  readonly queue?: number | undefined
  readonly maxWait?: Duration.Input | undefined
}

export interface MeterOptions {
  readonly maxUnits?: number | undefined
  readonly rateLease?: Duration.Input | undefined
  readonly shareLimits?: boolean | undefined
}

export interface Options {
  readonly token?: ApiKeyToken.TokenConfig | ApiKeyToken.TokenFormat | undefined
  readonly defaultLifetime?: Duration.Input | undefined
  readonly maximumLifetime?: Duration.Input | undefined
  readonly maxKeysPerOwner?: number | ((ownerId: string) => number) | undefined
  readonly maximumAge?: Duration.Input | undefined
  readonly refuseAged?: boolean | undefined
  readonly legacy?: ReadonlyArray<LegacyTokens> | undefined
  readonly defaultLimits?: ReadonlyArray<typeof RateLimit.Encoded> | undefined
  readonly ownerLimits?: ReadonlyArray<typeof RateLimit.Encoded> | undefined
  readonly meters?: MeterOptions | undefined
  readonly policies?: ReadonlyArray<KeyPolicy> | undefined
  readonly acceptMissingPeppers?: boolean | undefined
  readonly acceptBuiltInPepper?: boolean | undefined
  readonly lastUsedInterval?: Duration.Input | undefined
  readonly cache?: VerificationCache.Options | "off" | undefined
  readonly hashing?: HashingOptions | undefined
  readonly seals?: "preferred" | "required" | undefined
  readonly refuseUnsealed?: boolean | undefined
  readonly telemetry?: "counters" | "metrics" | "traces" | undefined
  readonly nodeName?: string | undefined
}
