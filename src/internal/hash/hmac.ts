/**
 * HMAC-SHA-256 (RFC 2104) by two digests (decision 0028). Node's `createHmac` makes and frees an OpenSSL object for each code, even with a
 * prepared key. It takes twice as long.
 */
import { hash } from "node:crypto"

/**
 * The two blocks that HMAC makes of a key (RFC 2104 §2). One precedes the message, the other the inner digest. Each buffer has room for the
 * text after its block.
 */
export interface Pads {
  readonly inner: Buffer
  readonly outer: Buffer
  /** The part of `inner` for the message. */
  readonly room: Uint8Array
}

const blockSize = 64
const digestSize = 32
/** The bytes for a message in `inner`. Longer messages get a buffer of their own. */
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

/**
 * The code of a text's UTF-8. With `binary` each byte is a character. The call is synchronous, so no other call uses the buffers meanwhile.
 */
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
  // `encodeInto` takes half the time of `Buffer.write`.
  const { written } = encoder.encodeInto(text, room)
  const digest = hash("sha256", inner.subarray(0, blockSize + written), "binary")
  // The message may be a secret.
  room.fill(0, 0, written)
  return digest
}
