import { LegacyTokens } from "../LegacyTokens.ts"
type OwnerRule = string | ReadonlyArray<string> | ((row: Readonly<Record<string, unknown>>) => string | null)
type Row = Readonly<Record<string, unknown>>
type Field =
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
interface Options$1 {
  readonly name?: string | undefined
  readonly columns?: { readonly [F in Field]?: string | null | undefined } | undefined
  readonly owner?: OwnerRule | undefined
  readonly scopes?: ((row: Row) => ReadonlyArray<string>) | undefined
}
export interface Options extends Options$1 {
  readonly prefix: string
}
export declare const make: (options: Options) => LegacyTokens
export {}
