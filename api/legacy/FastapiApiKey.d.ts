import * as Redacted from "effect/Redacted"
import type { LegacyTokens } from "../LegacyTokens.ts"
import * as Table from "../internal/legacy/table.ts"
export interface Options extends Table.Options {
  readonly pepper: Redacted.Redacted
  readonly prefix?: string | ReadonlyArray<string> | undefined
  readonly separator?: string | undefined
  readonly bcrypt?: "either" | "hmac" | "concatenated" | undefined
}
export declare const make: (options: Options) => LegacyTokens
