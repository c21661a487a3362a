import * as Redacted from "effect/Redacted"
import type { LegacyTokens } from "../LegacyTokens.ts"
import * as LookUp from "../internal/legacy/lookUp.ts"
import * as Table from "../internal/legacy/table.ts"
export interface Options extends Table.Options, LookUp.PrefixOptions {
  readonly salt?: Redacted.Redacted | undefined
  readonly algorithm?: LookUp.Algorithm | undefined
}
export declare const make: (options?: Options) => LegacyTokens
