import * as Redacted from "effect/Redacted"
import { LegacyTokens } from "../LegacyTokens.ts"
interface PrefixOptions {
  readonly prefix?: string | ReadonlyArray<string> | undefined
}
type Algorithm = "sha256" | "sha512"
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
export interface Options extends Options$1, PrefixOptions {
  readonly salt?: Redacted.Redacted | undefined
  readonly algorithm?: Algorithm | undefined
}
export declare const make: (options?: Options) => LegacyTokens
export {}
