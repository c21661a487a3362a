/** Sealing keys: of bytes, or derived from peppers. */
import { hkdfSync } from "node:crypto"
import * as Redacted from "effect/Redacted"
import type { SealingKey, SealingKeys } from "../../ApiKeyHasher.ts"
import * as Pepper from "../../hasher/Pepper.ts"
import { hmac, type Pads, toPads } from "../hash/hmac.ts"

const sealLabel = "effect-api-key seal 1"
const idLabel = "effect-api-key id of a sealing key 1"

/**
 * The key of a pepper, by HKDF-SHA-256 (RFC 5869) under a label of its own, so that neither tells of the other. `~` is in no id of a ring.
 */
export const ofPepper = ({ id, value }: Pepper.Pepper): SealingKey => make(`~${id}`, Buffer.from(Redacted.value(value), "utf8"))

/** A key that is given by itself goes through HKDF too: its own bytes may serve something else. */
export const make = (label: string, bytes: Uint8Array): SealingKey => {
  const derive = (info: string, length: number) => Buffer.from(hkdfSync("sha256", bytes, "", info, length))
  const pads: Pads = toPads(derive(sealLabel, 32))
  return {
    // The same label may stand for another key later, or in another installation, whose keys are imported here.
    id: `${label}.${derive(idLabel, 8).toString("hex")}`,
    // Of an object that is inspected nothing shows the pads.
    code: (text) => hmac(text, pads, "binary").slice(0, 8),
  }
}

/** The keys of a ring of peppers. The built-in pepper, which anybody can read, seals nothing beside others. */
export const ofPeppers = ({ current, older }: Pepper.PepperRing): SealingKeys => ({
  current: ofPepper(current),
  older: older.filter(({ value }) => Redacted.value(value) !== Redacted.value(Pepper.builtIn.value)).map(ofPepper),
})
