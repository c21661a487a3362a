import type { LegacyTokens } from "../LegacyTokens.ts"
import * as LookUp from "../internal/legacy/lookUp.ts"
import * as Table from "../internal/legacy/table.ts"
export interface Options extends Table.Options, LookUp.PrefixOptions {
  readonly disableKeyHashing?: boolean | undefined
}
export declare const make: (options?: Options) => LegacyTokens
