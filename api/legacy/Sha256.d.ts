import type { LegacyTokens } from "../LegacyTokens.ts"
import * as LookUp from "../internal/legacy/lookUp.ts"
import * as Row from "../internal/legacy/row.ts"
export interface Options extends Row.Options, LookUp.PrefixOptions {}
export declare const make: (options?: Options) => LegacyTokens
