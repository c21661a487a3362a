import * as Schema from "effect/Schema"
import type { Find } from "./Scanner.ts"
export declare const redact: ({ token, prefix, keyId, hint }: Find) => string
export declare const Row: Schema.Struct<{
  readonly key: Schema.String
  readonly where: Schema.String
  readonly commit: Schema.String
}>
export type Row = typeof Row.Type
export declare const toRow: (find: Find) => Row
export declare const FindJson: Schema.Struct<{
  readonly key: Schema.String
  readonly prefix: Schema.String
  readonly keyId: Schema.String
  readonly hint: Schema.String
  readonly path: Schema.String
  readonly line: Schema.Int
  readonly column: Schema.Int
  readonly byteOffset: Schema.Natural
  readonly encoding: Schema.Literals<readonly ["utf-8", "utf-16le", "utf-16be"]>
  readonly commit: Schema.optionalKey<Schema.String>
}>
export type FindJson = typeof FindJson.Type
export declare const toJson: (find: Find) => FindJson
export declare const SarifLog: Schema.Struct<{
  readonly $schema: Schema.Literal<"https://json.schemastore.org/sarif-2.1.0.json">
  readonly version: Schema.Literal<"2.1.0">
  readonly runs: Schema.Tuple<
    readonly [
      Schema.Struct<{
        readonly tool: Schema.Struct<{
          readonly driver: Schema.Struct<{
            readonly name: Schema.Literal<"effect-api-key">
            readonly version: Schema.optionalKey<Schema.String>
            readonly rules: Schema.$Array<
              Schema.Struct<{
                readonly id: Schema.Literal<"leaked-api-key">
                readonly shortDescription: Schema.Struct<{
                  readonly text: Schema.String
                }>
                readonly help: Schema.Struct<{
                  readonly text: Schema.String
                }>
                readonly defaultConfiguration: Schema.Struct<{
                  readonly level: Schema.Literal<"error">
                }>
              }>
            >
          }>
        }>
        readonly columnKind: Schema.Literal<"utf16CodeUnits">
        readonly invocations: Schema.Tuple<
          readonly [
            Schema.Struct<{
              readonly executionSuccessful: Schema.Boolean
              readonly toolExecutionNotifications: Schema.optionalKey<
                Schema.$Array<
                  Schema.Struct<{
                    readonly descriptor: Schema.Struct<{
                      readonly id: Schema.String
                    }>
                    readonly level: Schema.Literal<"error">
                    readonly message: Schema.Struct<{
                      readonly text: Schema.String
                    }>
                  }>
                >
              >
            }>,
          ]
        >
        readonly results: Schema.$Array<
          Schema.Struct<{
            readonly ruleId: Schema.Literal<"leaked-api-key">
            readonly ruleIndex: Schema.Literal<0>
            readonly level: Schema.Literal<"error">
            readonly message: Schema.Struct<{
              readonly text: Schema.String
            }>
            readonly locations: Schema.Tuple<
              readonly [
                Schema.Struct<{
                  readonly physicalLocation: Schema.Struct<{
                    readonly artifactLocation: Schema.Struct<{
                      readonly uri: Schema.String
                    }>
                    readonly region: Schema.Struct<{
                      readonly startLine: Schema.Int
                      readonly startColumn: Schema.Int
                      readonly endColumn: Schema.Int
                      readonly byteOffset: Schema.Natural
                      readonly byteLength: Schema.Natural
                    }>
                  }>
                }>,
              ]
            >
            readonly partialFingerprints: Schema.Struct<{
              readonly "keyInFile/v1": Schema.String
            }>
            readonly properties: Schema.Struct<{
              readonly prefix: Schema.String
              readonly keyId: Schema.String
              readonly hint: Schema.String
              readonly encoding: Schema.Literals<readonly ["utf-8", "utf-16le", "utf-16be"]>
              readonly commit: Schema.optionalKey<Schema.String>
              readonly status: Schema.optionalKey<Schema.String>
            }>
          }>
        >
      }>,
    ]
  >
}>
export type SarifLog = typeof SarifLog.Type
export interface CheckedFind extends Find {
  readonly status?: string | undefined
}
export interface SarifOptions {
  readonly version?: string | undefined
  readonly problems?:
    | ReadonlyArray<{
        readonly _tag: string
        readonly message: string
      }>
    | undefined
}
export declare const toSarif: (finds: ReadonlyArray<CheckedFind>, { version, problems }?: SarifOptions) => SarifLog
