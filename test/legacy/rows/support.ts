/** What the tests here share. */
import { createHash } from "node:crypto"
import { assert } from "@effect/vitest"
import { DateTime, Result } from "effect"
import type { LegacyRecord, LegacyTokens } from "../../../src/LegacyTokens.ts"

export type Row = Readonly<Record<string, unknown>>

export const read = (legacy: LegacyTokens, row: Row) => Result.getOrThrow(legacy.readRow(row))

export const refusal = (legacy: LegacyTokens, row: Row) => {
  const { field, reason } = Result.getOrThrow(Result.flip(legacy.readRow(row)))
  return [field, reason]
}

export const assertHas = (record: LegacyRecord, expected: Partial<Record<keyof LegacyRecord, unknown>>) =>
  assert.deepStrictEqual<unknown>({ ...record, ...expected }, { ...record })

export const at = (text: string) => DateTime.makeUnsafe(text)

export const without = (row: Row, column: string): Row => Object.fromEntries(Object.entries(row).filter(([name]) => name !== column))

export const digest = createHash("sha256").update("token").digest()
