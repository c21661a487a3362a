/** The tables of other systems, and the options for reading them. */
import type { OwnerRule } from "./owner.ts"

/** @category models @since 0.1.0 */
export type Row = Readonly<Record<string, unknown>>

/** What a table says of a key. @category models @since 0.1.0 */
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

/** How rows are read. @category models @since 0.1.0 */
export interface Options {
  /** Tells two tables of the same kind apart, since the ids of the records are made with it. Default: the system's name. */
  readonly name?: string | undefined
  /**
   * Columns with names of your own, and `null` for what the table hasn't: without it a row that lacks a column of expiry or state is refused. Case
   * and underscores make no difference in the system's own names, but they do in these.
   */
  readonly columns?: { readonly [F in Field]?: string | null | undefined } | undefined
  /**
   * Whom a key belongs to, where one column doesn't tell, as the ids of users and those of organisations may be the same: `{owner_type}:{owner_id}`,
   * with names of columns in braces. Of several texts the first counts whose columns all hold something; or a function of the row says it.
   * Without it, rows with a column for the kind of owner (`owner_type`, `tokenable_type`, `referenceType` …) are refused, and so are those of
   * home-made tables with several columns for owners. Default: the column `ownerId`.
   */
  readonly owner?: OwnerRule | undefined
  /** The key's scopes, instead of those that the row holds: for rows without any, and for those that don't fit the grammar of ours. */
  readonly scopes?: ((row: Row) => ReadonlyArray<string>) | undefined
}

/** The columns of a system's table. Case and underscores in names make no difference. */
export interface Table {
  readonly name: string
  readonly columns: { readonly [F in Field]?: ReadonlyArray<string> | undefined }
  /** Columns that deactivate the key with any value but a false one. */
  readonly inactive?: ReadonlyArray<string> | undefined
  /** Columns with a word for the state. */
  readonly status?: ReadonlyArray<string> | undefined
  /** Columns that a row must have, though they may be empty: an export without the expiry would make keys live for ever. */
  readonly required: ReadonlyArray<Field>
  /** Whether a row must have a column for the state. */
  readonly needsState?: boolean | undefined
  /** Whether several columns for owners name different things, rather than one thing in several versions of the system. */
  readonly ownersDiffer?: boolean | undefined
  /** Whether an empty `isActive` means active. */
  readonly isActiveByDefault?: boolean | undefined
}

/** The usual names of columns in home-made tables. */
export const usualNames = {
  columns: {
    id: ["id", "uuid"],
    name: ["name", "label", "title"],
    description: ["description"],
    ownerId: ["owner_id", "user_id", "account_id", "customer_id", "organization_id", "tenant_id", "owner"],
    scopes: ["scopes", "permissions"],
    metadata: ["metadata", "meta"],
    isActive: ["is_active", "active", "enabled", "is_enabled"],
    expiresAt: [
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
    ],
    createdAt: ["created_at", "created"],
    updatedAt: ["updated_at", "updated"],
    lastUsedAt: ["last_used_at", "last_used"],
  },
  inactive: [
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
  ],
  status: ["status", "state", "key_status"],
  needsState: true,
  ownersDiffer: true,
} as const satisfies Pick<Table, "columns" | "inactive" | "status" | "needsState" | "ownersDiffer">
