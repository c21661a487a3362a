import { safeLine } from "./safe.ts"

/** What is behind a failure, without what was made of it on its way. */
export const rootMessage = (failure: unknown): string => {
  let message = failure instanceof Error ? failure.message : String(failure)
  for (let each: unknown = failure; each instanceof Error; each = each.cause) {
    // Node says nothing but a code of a host that refuses at each of its addresses.
    const code = "code" in each && typeof each.code === "string" ? each.code : ""
    if (each.message !== "" || code !== "") message = each.message === "" ? code : each.message
  }
  return safeLine(message)
}
