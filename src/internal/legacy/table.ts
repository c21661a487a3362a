/** The tables of other systems, and the options for reading them. */
import type { OwnerRule } from "./owner.ts"

/** @category models @since 0.1.0 */
export type Row = Readonly<Record<string, unknown>>

/** A fact of a key that a table may hold. @category models @since 0.1.0 */
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
   * Columns with names of your own, and `null` for a field that the table lacks. Without `null`, a row that lacks a column of expiry or state is
   * refused. Case and underscores count in names of your own, and make no difference in the system's names.
   */
  readonly columns?: { readonly [F in Field]?: string | null | undefined } | undefined
  /**
   * The owner of a key, where one column doesn't tell: a user and an organisation may have the same id. A text such as `{owner_type}:{owner_id}`
   * has names of columns in braces. Of several texts, the first text without an empty column counts. A function of the row may give the owner
   * instead. Without a rule, rows with a column for the kind of owner (`owner_type`, `tokenable_type`, `referenceType` …) are refused. Rows of
   * home-made tables with several columns for owners are refused too. Default: the column `ownerId`.
   */
  readonly owner?: OwnerRule | undefined
  /** The key's scopes, instead of the scopes in the row. The option is for rows without scopes, and for scopes outside of our grammar. */
  readonly scopes?: ((row: Row) => ReadonlyArray<string>) | undefined
}

/** The columns of a system's table. Case and underscores in names make no difference. */
export interface Table {
  readonly name: string
  readonly columns: { readonly [F in Field]?: ReadonlyArray<string> | undefined }
  /** Columns that deactivate the key with any value but an empty or a false one. */
  readonly inactive?: ReadonlyArray<string> | undefined
  /** Columns with a word for the state. */
  readonly status?: ReadonlyArray<string> | undefined
  /** Columns that a row must have, though the cells may be empty. An export without the expiry would make keys live for ever. */
  readonly required: ReadonlyArray<Field>
  /** Whether a row must have a column for the state. */
  readonly needsState?: boolean | undefined
  /** Whether several columns for owners name different things, rather than one thing in several versions of the system. */
  readonly ownersDiffer?: boolean | undefined
  /** Whether an empty `isActive` means active. */
  readonly isActiveByDefault?: boolean | undefined
}

const endingWords = "revoked disabled deactivated deleted removed archived suspended blocked banned locked canceled cancelled".split(" ")

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
    ...endingWords.flatMap((word) => [word, `is_${word}`, `${word}_at`, `${word}_on`]),
    "revocation_date",
    "inactive",
    "is_inactive",
    // `expired_at` may be a time in the future.
    "expired",
    "is_expired",
  ],
  status: ["status", "state", "key_status"],
  needsState: true,
  ownersDiffer: true,
} as const satisfies Pick<Table, "columns" | "inactive" | "status" | "needsState" | "ownersDiffer">
