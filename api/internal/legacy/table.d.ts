export type Row = Readonly<Record<string, unknown>>

export type Field =
  | "id"
  | "keyId"
  | "hash"
  | "prefix"
  | "name"
  | "description"
  | "ownerId"
  | "scopes"
  | "metadata"
  | "isActive"
  | "expiresAt"
  | "createdAt"
  | "updatedAt"
  | "lastUsedAt"
  | "hint"

export interface Options {
  readonly name?: string | undefined
  readonly columns?:
    | {
        readonly [F in Field]?: string | null | undefined
      }
    | undefined
  readonly owner?: OwnerRule | undefined
  readonly scopes?: ((row: Row) => ReadonlyArray<string>) | undefined
}

export interface Table {
  readonly name: string
  readonly columns: {
    readonly [F in Field]?: ReadonlyArray<string> | undefined
  }
  readonly inactive?: ReadonlyArray<string> | undefined
  readonly status?: ReadonlyArray<string> | undefined
  readonly required: ReadonlyArray<Field>
  readonly needsState?: boolean | undefined
  readonly ownersDiffer?: boolean | undefined
  readonly isActiveByDefault?: boolean | undefined
}

export declare const usualNames: {
  readonly columns: {
    readonly id: readonly ["id", "uuid"]
    readonly name: readonly ["name", "label", "title"]
    readonly description: readonly ["description"]
    readonly ownerId: readonly ["owner_id", "user_id", "account_id", "customer_id", "organization_id", "tenant_id", "owner"]
    readonly scopes: readonly ["scopes", "permissions"]
    readonly metadata: readonly ["metadata", "meta"]
    readonly isActive: readonly ["is_active", "active", "enabled", "is_enabled"]
    readonly expiresAt: readonly [
      "expires_at",
      "expires_on",
      "expire_at",
      "expires",
      "expiry",
      "expiry_date",
      "expiration",
      "expiration_date",
      "expiration_time",
      "valid_until",
      "valid_to",
      "not_after",
      "end_date",
    ]
    readonly createdAt: readonly ["created_at", "created"]
    readonly updatedAt: readonly ["updated_at", "updated"]
    readonly lastUsedAt: readonly ["last_used_at", "last_used"]
  }
  readonly inactive: readonly [...string[], "revocation_date", "inactive", "is_inactive", "expired", "is_expired"]
  readonly status: readonly ["status", "state", "key_status"]
  readonly needsState: true
  readonly ownersDiffer: true
}
