/**
 * A check value of a pepper: `$scrypt$ln=15,r=8,p=1$<salt>$<tag>`. It tells whether a pepper is the same, but doesn't show it
 * (decision 0040).
 *
 * It is stored beside the hashes, so a weak pepper could be guessed by it. Each guess therefore costs 32 MiB and some tens of milliseconds.
 * A guess at a hash of Argon2id costs about as much by default.
 */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto"
import * as Effect from "effect/Effect"
import { HasherError } from "../../ApiKeyError.ts"

const prefix = "$scrypt$ln=15,r=8,p=1$"
const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 }
const domain = Buffer.from("effect-api-key: which pepper this is\0", "utf8")

export const make = (pepper: Uint8Array): Effect.Effect<string, HasherError> =>
  Effect.suspend(() => {
    const salt = randomBytes(16)
    return Effect.map(derive(pepper, salt), (tag) => `${prefix}${salt.toString("base64url")}$${tag.toString("base64url")}`)
  })

/** Whether the value was made of this pepper. A value of another form is a `HasherError`. */
export const matches = (pepper: Uint8Array, check: string): Effect.Effect<boolean, HasherError> =>
  Effect.suspend(() => {
    const [, salt, tag] = /^\$scrypt\$ln=15,r=8,p=1\$([A-Za-z0-9_-]{22})\$([A-Za-z0-9_-]{43})$/.exec(check) ?? []
    return salt === undefined || tag === undefined
      ? Effect.fail(new HasherError({ reason: check.startsWith(prefix) ? "MalformedHash" : "UnsupportedHash" }))
      : Effect.map(derive(pepper, Buffer.from(salt, "base64url")), (own) => timingSafeEqual(own, Buffer.from(tag, "base64url")))
  })

const derive = (pepper: Uint8Array, salt: Uint8Array): Effect.Effect<Buffer, HasherError> =>
  Effect.callback((resume) =>
    scrypt(pepper, Buffer.concat([domain, salt]), 32, cost, (cause, key) =>
      resume(cause === null ? Effect.succeed(key) : Effect.fail(new HasherError({ reason: "Failed", cause }))),
    ),
  )
