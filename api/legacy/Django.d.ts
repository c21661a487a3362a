import type { LegacyTokens } from "../LegacyTokens.ts"
import * as Row from "../internal/legacy/row.ts"
export interface Options extends Row.Options {
  readonly prefixLength?: number | undefined
}
export declare const make: (options?: Options) => LegacyTokens
