/**
 * Shows the finds of a scan without their secrets: as rows of a table, as JSON, or as SARIF. GitHub and others display SARIF.
 *
 * The schemas describe the output. Within a major version fields may be added to them, and nothing else changes.
 * @since 0.1.0
 */
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { safeLine, safeText, scrub } from "../internal/text/safe.ts"
import type { Find } from "./Scanner.ts"

/**
 * Names a token without its secret: `ak-7a74caa323a5410d-…mAfP`. The last four characters are the token's hint.
 * @category redaction
 * @since 0.1.0
 */
export const redact = ({ token, prefix, keyId, hint }: Find): string => {
  const separator = Redacted.value(token).charAt(prefix.length)
  return `${prefix}${separator}${keyId}${separator}…${hint}`
}

/**
 * A row of a table for people. `where` is the path, line and column. Its control characters are escaped, so a file's name can't write to the
 * terminal. Secrets of tokens in the path are left out. `commit` is the short id, or empty for a find without a commit.
 * @category schemas
 * @since 0.1.0
 */
export const Row = Schema.Struct({ key: Schema.String, where: Schema.String, commit: Schema.String })

/** @category models @since 0.1.0 */
export type Row = typeof Row.Type

/**
 * Gives a find's row.
 * @category formats
 * @since 0.1.0
 */
export const toRow = (find: Find): Row => ({
  key: redact(find),
  where: `${safeText(find.path)}:${find.line}:${find.column}`,
  commit: find.commit?.slice(0, 12) ?? "",
})

const fromOne = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

/**
 * A find as a line of JSON. `key` is the token as {@link redact} shows it. The other fields are as in a `Find`. Secrets of tokens in the path are
 * left out.
 * @category schemas
 * @since 0.1.0
 */
export const FindJson = Schema.Struct({
  key: Schema.String,
  prefix: Schema.String,
  keyId: Schema.String,
  hint: Schema.String,
  path: Schema.String,
  line: fromOne,
  column: fromOne,
  byteOffset: Schema.Natural,
  encoding: Schema.Literals(["utf-8", "utf-16le", "utf-16be"]),
  commit: Schema.optionalKey(Schema.String),
})

/** @category models @since 0.1.0 */
export type FindJson = typeof FindJson.Type

/**
 * Gives a find as JSON.
 * @category formats
 * @since 0.1.0
 */
export const toJson = (find: Find): FindJson => ({
  key: redact(find),
  prefix: find.prefix,
  keyId: find.keyId,
  hint: find.hint,
  path: scrub(find.path),
  line: find.line,
  column: find.column,
  byteOffset: find.byteOffset,
  encoding: find.encoding,
  ...(find.commit === undefined ? undefined : { commit: find.commit }),
})

const Message = Schema.Struct({ text: Schema.String })

/**
 * The written part of SARIF 2.1.0, an OASIS standard: one run, one rule, and a result for each find.
 * @category schemas
 * @since 0.1.0
 */
export const SarifLog = Schema.Struct({
  $schema: Schema.Literal("https://json.schemastore.org/sarif-2.1.0.json"),
  version: Schema.Literal("2.1.0"),
  runs: Schema.Tuple([
    Schema.Struct({
      tool: Schema.Struct({
        driver: Schema.Struct({
          name: Schema.Literal("effect-api-key"),
          version: Schema.optionalKey(Schema.String),
          rules: Schema.Array(
            Schema.Struct({
              id: Schema.Literal("leaked-api-key"),
              shortDescription: Message,
              help: Message,
              defaultConfiguration: Schema.Struct({ level: Schema.Literal("error") }),
            }),
          ),
        }),
      }),
      columnKind: Schema.Literal("utf16CodeUnits"),
      invocations: Schema.Tuple([
        Schema.Struct({
          /** Whether everything was scanned. */
          executionSuccessful: Schema.Boolean,
          toolExecutionNotifications: Schema.optionalKey(
            Schema.Array(
              Schema.Struct({ descriptor: Schema.Struct({ id: Schema.String }), level: Schema.Literal("error"), message: Message }),
            ),
          ),
        }),
      ]),
      results: Schema.Array(
        Schema.Struct({
          ruleId: Schema.Literal("leaked-api-key"),
          ruleIndex: Schema.Literal(0),
          level: Schema.Literal("error"),
          message: Message,
          locations: Schema.Tuple([
            Schema.Struct({
              physicalLocation: Schema.Struct({
                artifactLocation: Schema.Struct({ uri: Schema.String }),
                region: Schema.Struct({
                  startLine: fromOne,
                  startColumn: fromOne,
                  endColumn: fromOne,
                  byteOffset: Schema.Natural,
                  byteLength: Schema.Natural,
                }),
              }),
            }),
          ]),
          /** Depends on the key and the file alone. Another line or commit gives the same fingerprint. */
          partialFingerprints: Schema.Struct({ "keyInFile/v1": Schema.String }),
          properties: FindJson.mapFields(({ prefix, keyId, hint, encoding, commit }) => ({
            prefix,
            keyId,
            hint,
            encoding,
            commit,
            status: Schema.optionalKey(Schema.String),
          })),
        }),
      ),
    }),
  ]),
})

/** @category models @since 0.1.0 */
export type SarifLog = typeof SarifLog.Type

/** A find, and the status of its key if it was checked. @category models @since 0.1.0 */
export interface CheckedFind extends Find {
  readonly status?: string | undefined
}

/** @category models @since 0.1.0 */
export interface SarifOptions {
  /** The version of the scanning program. */
  readonly version?: string | undefined
  /** The problems of the scan, which the log then reports as incomplete. Default: none. */
  readonly problems?: ReadonlyArray<{ readonly _tag: string; readonly message: string }> | undefined
}

/**
 * Gives a SARIF log of all finds. Paths become URIs as they are. GitHub needs paths that are relative to the top of the repository.
 * @category formats
 * @since 0.1.0
 */
export const toSarif = (finds: ReadonlyArray<CheckedFind>, { version, problems = [] }: SarifOptions = {}): SarifLog => ({
  $schema: "https://json.schemastore.org/sarif-2.1.0.json",
  version: "2.1.0",
  runs: [
    {
      tool: {
        driver: {
          name: "effect-api-key",
          ...(version === undefined ? undefined : { version }),
          rules: [
            {
              id: "leaked-api-key",
              shortDescription: { text: "An API key's token is where others may read it." },
              help: { text: "Rotate or revoke the key: what has been committed or shared stays readable when the file is changed." },
              defaultConfiguration: { level: "error" },
            },
          ],
        },
      },
      columnKind: "utf16CodeUnits",
      invocations: [
        problems.length === 0
          ? { executionSuccessful: true }
          : {
              executionSuccessful: false,
              toolExecutionNotifications: problems.map(({ _tag, message }) => ({
                descriptor: { id: _tag },
                level: "error",
                message: { text: safeLine(message) },
              })),
            },
      ],
      results: finds.map(toResult),
    },
  ],
})

const toResult = (find: CheckedFind): SarifLog["runs"][0]["results"][number] => {
  const { prefix, keyId, hint, path, encoding, commit } = toJson(find)
  const { length } = Redacted.value(find.token)
  const since = commit === undefined ? "" : `, since commit ${commit}`
  return {
    ruleId: "leaked-api-key",
    ruleIndex: 0,
    level: "error",
    message: { text: `The token of the API key ${redact(find)} is in this file${since}.` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: toUri(path) },
          region: {
            startLine: find.line,
            startColumn: find.column,
            endColumn: find.column + length,
            byteOffset: find.byteOffset,
            byteLength: encoding === "utf-8" ? length : 2 * length,
          },
        },
      },
    ],
    partialFingerprints: { "keyInFile/v1": `${keyId}:${path}` },
    properties: {
      prefix,
      keyId,
      hint,
      encoding,
      ...(commit === undefined ? undefined : { commit }),
      ...(find.status === undefined ? undefined : { status: find.status }),
    },
  }
}

/** An absolute path, of Windows too, becomes a `file` URI. A relative path loses its `./`, as viewers look it up in the repository. */
const toUri = (path: string): string => {
  const [, drive = "", rest = ""] = /^([A-Za-z]:(?=[\\/]))?(.*)$/s.exec(path.replace(/^(\.\/+)+/, "")) ?? []
  const encoded = (drive === "" ? rest : rest.replaceAll("\\", "/")).toWellFormed().split("/").map(encodeURIComponent).join("/")
  return drive !== "" ? `file:///${drive}${encoded}` : encoded.startsWith("/") ? `file://${encoded}` : encoded
}
