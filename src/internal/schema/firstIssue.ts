import * as SchemaIssue from "effect/SchemaIssue"

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()

/** The first issue of a value. The path is empty for the whole value. */
export const firstIssue = (issue: SchemaIssue.Issue): { readonly path: ReadonlyArray<string>; readonly message: string } => {
  const [first] = formatIssue(issue).issues
  return {
    path: (first?.path ?? []).map((segment) => String(typeof segment === "object" ? segment.key : segment)),
    message: first?.message ?? "invalid",
  }
}
