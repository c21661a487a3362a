/**
 * HMAC-SHA-256 (RFC 2104) by two digests. Node's own makes and frees an object of OpenSSL for each, even with its key prepared, and takes twice as
 * long.
 */
import { hash } from "node:crypto"

/** All that HMAC takes from a key (RFC 2104 §2): the blocks before the message, and before the digest of both, each with room for what follows. */
export interface Pads {
  readonly inner: Buffer
  readonly outer: Buffer
  /** Where the message goes, in `inner`. */
  readonly room: Uint8Array
}

const blockSize = 64
const digestSize = 32
/** Longer messages get a buffer of their own. */
const room = 512

export const toPads = (secretKey: Uint8Array): Pads => {
  const key = new Uint8Array(blockSize)
  key.set(secretKey.length > blockSize ? hash("sha256", secretKey, "buffer") : secretKey)
  const pad = (size: number, mask: number) => {
    const buffer = Buffer.alloc(blockSize + size)
    buffer.set(key.map((byte) => byte ^ mask))
    return buffer
  }
  const inner = pad(room, 0x36)
  return { inner, outer: pad(digestSize, 0x5c), room: inner.subarray(blockSize) }
}

/** The code of a text's UTF-8; `binary` is a character a byte. Nothing else runs meanwhile, so that the buffers are this call's. */
export const hmac = (text: string, pads: Pads, encoding: "base64url" | "binary"): string => {
  const { outer } = pads
  outer.write(digestOf(text, pads), blockSize, "latin1")
  const code = hash("sha256", outer, encoding)
  outer.fill(0, blockSize)
  return code
}

const encoder = new TextEncoder()

const digestOf = (text: string, { inner, room }: Pads): string => {
  if (text.length * 3 > room.length) {
    return hash("sha256", Buffer.concat([inner.subarray(0, blockSize), Buffer.from(text, "utf8")]), "binary")
  }
  // Half of what `Buffer.write` takes.
  const { written } = encoder.encodeInto(text, room)
  const digest = hash("sha256", inner.subarray(0, blockSize + written), "binary")
  // The message may be a secret.
  room.fill(0, 0, written)
  return digest
}
