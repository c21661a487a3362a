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

export interface Cell {
  readonly column: string
  readonly isPresent: boolean
  readonly value: unknown
}

export interface Reader {
  readonly row: Row
  readonly table: Table
  readonly options: Options
  readonly cell: (field: Field) => Cell
  readonly named: (name: string) => Cell
  readonly all: (names: ReadonlyArray<string> | undefined) => ReadonlyArray<Cell>
  readonly owner: (field: Cell) => string | null
}

export declare const invalid: (field: string, reason: string) => InvalidInput

export declare const reading: (read: (row: Row) => LegacyRecord) => LegacyTokens["readRow"]

export declare const demand: (reader: Reader, names: ReadonlyArray<string>) => void

export declare const opener: (table: Table, options: Options) => (row: Row) => Reader

export declare const plain: (column: string) => string

export declare const needsRule: ({ column }: Cell, fact: string, example: string) => InvalidInput

export interface Parts {
  readonly keyId: KeyId
  readonly hash: Redacted.Redacted
  readonly prefix: string
  readonly hint?: string | undefined
  readonly fallbackId: string
  readonly scopes?: (() => ReadonlyArray<string>) | undefined
  readonly metadata?:
    | {
        readonly [key: string]: unknown
      }
    | undefined
}

export declare const toRecord: (reader: Reader, parts: Parts) => LegacyRecord

export declare const text: ({ column, value }: Cell) => string | null

export declare const requiredText: (cell: Cell) => string

export declare const toKeyId: (keyId: string, column: string) => KeyId

export declare const isKeyId: (text: unknown) => text is KeyId

export declare const toHint: (secret: string) => string

export declare const json: ({ column, value }: Cell) => {
  readonly [key: string]: unknown
} | null

export declare const list: ({ column, value }: Cell) => ReadonlyArray<string>

export declare const homeMade: {
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
  readonly inactive: readonly [
    "revoked",
    "is_revoked",
    "revoked_at",
    "revoked_on",
    "revocation_date",
    "disabled",
    "is_disabled",
    "disabled_at",
    "deactivated_at",
    "deleted",
    "is_deleted",
    "deleted_at",
    "deleted_on",
    "archived",
    "is_archived",
    "archived_at",
    "suspended",
    "is_suspended",
    "suspended_at",
    "blocked",
    "is_blocked",
    "blocked_at",
  ]
  readonly status: readonly ["status", "state", "key_status"]
  readonly needsState: true
  readonly ownersDiffer: true
}
