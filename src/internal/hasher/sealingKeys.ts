/** Sealing keys: of bytes, or derived from peppers. */
import { createHash, hkdfSync, scryptSync } from "node:crypto"
import * as Redacted from "effect/Redacted"
import type { SealingKey, SealingKeys } from "../../ApiKeyHasher.ts"
import * as Pepper from "../../hasher/Pepper.ts"
import { setBounded } from "../collection/bounded.ts"
import { hmac, type Pads, toPads } from "../hash/hmac.ts"
import { sealingKeyId } from "../token/seal.ts"

const sealLabel = "effect-api-key seal 1"
const idLabel = "effect-api-key id of a sealing key 1"

/** The key of a pepper, under labels of its own, so that neither tells of the other. `~` is in no id of a ring. */
export const ofPepper = ({ id, value }: Pepper.Pepper): SealingKey => make(`~${id}`, Buffer.from(Redacted.value(value), "utf8"))

const isBuiltIn = ({ value }: Pepper.Pepper): boolean => Redacted.value(value) === Redacted.value(Pepper.builtIn.value)

/** A key of bytes: stretched once, then by HKDF-SHA-256 (RFC 5869). Made when it is first used, as that takes long. */
export const make = (label: string, bytes: Uint8Array): SealingKey => {
  let made: { readonly id: string; readonly pads: Pads } | undefined
  const key = () => {
    if (made !== undefined) return made
    const root = stretch(bytes)
    const derive = (info: string, length: number) => Buffer.from(hkdfSync("sha256", root, "", info, length))
    // The same label may stand for another key later, or in another installation, whose keys are imported here.
    return (made = { id: sealingKeyId(label, derive(idLabel, 8).toString("hex")), pads: toPads(derive(sealLabel, 32)) })
  }
  return {
    get id() {
      return key().id
    },
    // Of an object that is inspected nothing shows the pads.
    code: (text) => hmac(text, key().pads, "binary").slice(0, 8),
  }
}

const stretched = new Map<string, Uint8Array>()
const maxStretched = 64

/**
 * Whoever holds one token could try guesses at a weak pepper by its seal. Each costs what one at the pepper's check value does: 32 MiB, and some tens
 * of milliseconds. Each of a ring's keys is stretched once in a program.
 */
const stretch = (bytes: Uint8Array): Uint8Array => {
  const name = createHash("sha256").update(bytes).digest("base64url")
  const known = stretched.get(name)
  if (known !== undefined) return known
  const root = scryptSync(bytes, "effect-api-key: the root of a sealing key", 32, { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 })
  setBounded(stretched, maxStretched, name, root)
  return root
}

/** The keys of a ring of peppers. The built-in pepper, which anybody can read, seals nothing beside others. */
export const ofPeppers = ({ current, older }: Pepper.PepperRing): SealingKeys => ({
  current: ofPepper(current),
  older: older.filter((pepper) => !isBuiltIn(pepper)).map(ofPepper),
  ...(isBuiltIn(current) && { isPublic: true }),
})
