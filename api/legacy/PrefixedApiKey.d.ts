import type { LegacyTokens } from "../LegacyTokens.ts"
import * as Table from "../internal/legacy/table.ts"
export interface Options extends Table.Options {
  readonly prefix: string
}
export declare const make: (options: Options) => LegacyTokens
