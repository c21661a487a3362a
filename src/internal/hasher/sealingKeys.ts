/** Sealing keys, made of bytes or derived from peppers (decision 0073). */
import { createHash, hkdfSync, scryptSync } from "node:crypto"
import * as Redacted from "effect/Redacted"
import type { SealingKey, SealingKeys } from "../../ApiKeyHasher.ts"
import * as Pepper from "../../hasher/Pepper.ts"
import { setBounded } from "../collection/bounded.ts"
import { hmac, type Pads, toPads } from "../hash/hmac.ts"
import { sealingKeyId } from "../token/seal.ts"

const sealLabel = "effect-api-key seal 1"
const idLabel = "effect-api-key id of a sealing key 1"

/** The key of a pepper, derived so that neither tells of the other. `~` occurs in no id of a ring, so the key's id is no other's. */
export const ofPepper = ({ id, value }: Pepper.Pepper): SealingKey => make(`~${id}`, Buffer.from(Redacted.value(value), "utf8"))

const isBuiltIn = ({ value }: Pepper.Pepper): boolean => Redacted.value(value) === Redacted.value(Pepper.builtIn.value)

/**
 * A key of bytes, which are stretched by scrypt and derived by HKDF-SHA-256 (RFC 5869). It is made at its first use, as scrypt takes long.
 */
export const make = (label: string, bytes: Uint8Array): SealingKey => {
  let made: { readonly id: string; readonly pads: Pads } | undefined
  const key = () => {
    if (made !== undefined) return made
    const root = stretch(bytes)
    const derive = (info: string, length: number) => Buffer.from(hkdfSync("sha256", root, "", info, length))
    // A label may stand for another key later, or in an installation whose keys are imported. The id therefore has a digest of the
    // value.
    return (made = { id: sealingKeyId(label, derive(idLabel, 8).toString("hex")), pads: toPads(derive(sealLabel, 32)) })
  }
  return {
    get id() {
      return key().id
    },
    // The pads stay in the closure, so inspecting the object doesn't show them.
    code: (text) => hmac(text, key().pads, "binary").slice(0, 8),
  }
}

const stretched = new Map<string, Uint8Array>()
const maxStretched = 64

/**
 * With one token, guesses at a weak pepper could be tested by the token's seal. Each guess costs as much as one at the pepper's check
 * value: 32 MiB, and some tens of milliseconds. Each key of a ring is stretched once in a program.
 */
const stretch = (bytes: Uint8Array): Uint8Array => {
  const name = createHash("sha256").update(bytes).digest("base64url")
  const known = stretched.get(name)
  if (known !== undefined) return known
  const root = scryptSync(bytes, "effect-api-key: the root of a sealing key", 32, { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 })
  setBounded(stretched, maxStretched, name, root)
  return root
}

/** The keys of a ring of peppers. Anybody can read the built-in pepper, so it seals nothing beside others. */
export const ofPeppers = ({ current, older }: Pepper.PepperRing): SealingKeys => ({
  current: ofPepper(current),
  older: older.filter((pepper) => !isBuiltIn(pepper)).map(ofPepper),
  ...(isBuiltIn(current) && { isPublic: true }),
})
