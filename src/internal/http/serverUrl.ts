/** Which addresses of a server a token may be sent to. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const explanations = {
  Malformed: "must begin with https:// or http:// and have a host",
  Credentials: "has a user or a password in it, which messages and logs would show: leave them out",
  QueryOrFragment: "has a ? or # in it, in front of the paths that are added to it: leave it out",
  Plaintext: "would carry tokens in plaintext over the network: use https",
} as const

/**
 * The client wasn't built, as its `url` is none that tokens may be sent to. The url isn't told, as there may be a password in it. `Plaintext`:
 * the url is `http:` and no loopback address (see `plaintext` of the options).
 * @category errors
 * @since 0.1.0
 */
export class InvalidServerUrl extends Schema.TaggedError<InvalidServerUrl>()("InvalidServerUrl", {
  reason: Schema.Literals(["Malformed", "Credentials", "QueryOrFragment", "Plaintext"]),
}) {
  override get message(): string {
    return `The server's url ${explanations[this.reason]}`
  }
}

/** Where `http:` is good enough: at loopback addresses, or anywhere. */
export type Plaintext = "loopback" | "anywhere"

export const checkServerUrl = (url: string, plaintext: Plaintext = "loopback"): Effect.Effect<void, InvalidServerUrl> => {
  const reason = whyRefused(url, plaintext)
  return reason === undefined ? Effect.void : Effect.fail(new InvalidServerUrl({ reason }))
}

const whyRefused = (url: string, plaintext: Plaintext): InvalidServerUrl["reason"] | undefined => {
  // The parser would mend backslashes, spaces, and missing or further slashes. The paths are added to the unmended text.
  if (!/^https?:\/\/[^\s\\/][^\s\\]*$/i.test(url) || !URL.canParse(url)) return "Malformed"
  if (/^[^/]*\/\/[^/?#]*@/.test(url)) return "Credentials"
  if (/[?#]/.test(url)) return "QueryOrFragment"
  const { protocol, hostname } = new URL(url)
  return protocol === "https:" || plaintext === "anywhere" || isLoopback(hostname) ? undefined : "Plaintext"
}

/** The parser writes each form of an IPv4 address with four decimal numbers, and IPv6 in brackets at its shortest. */
const isLoopback = (hostname: string): boolean => /^(?:(?:[^.]+\.)*localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)
