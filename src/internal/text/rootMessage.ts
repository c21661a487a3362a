import { safeLine } from "./safe.ts"

/** The message or code at the root of a failure, without the causes between. */
export const rootMessage = (failure: unknown): string => {
  let message = failure instanceof Error ? failure.message : String(failure)
  for (let each: unknown = failure; each instanceof Error; each = each.cause) {
    // For a host that refuses at each of its addresses, Node gives a code and an empty message.
    const code = "code" in each && typeof each.code === "string" ? each.code : ""
    if (each.message !== "" || code !== "") message = each.message === "" ? code : each.message
  }
  return safeLine(message)
}
