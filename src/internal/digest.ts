/** SHA-256 in one synchronous call, which the warm path needs and WebCrypto doesn't have. */
import type * as NodeCrypto from "node:crypto"

/**
 * The digest of a text's UTF-8 as 32 characters below U+0100, the smallest form that V8 keeps and compares quickly. `undefined` where the
 * runtime has no `node:crypto`: then nothing is cached. It isn't imported, so that bundles for browsers need not resolve it.
 */
export const sha256: ((text: string) => string) | undefined = ((): ((text: string) => string) | undefined => {
  const crypto: Partial<typeof NodeCrypto> | undefined = globalThis.process?.getBuiltinModule?.("node:crypto")
  const hash = crypto?.hash
  return hash === undefined ? undefined : (text) => hash("sha256", text, "binary")
})()

/** Compares without telling by its time where two digests differ. */
export const isSameDigest = (a: string, b: string): boolean => {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}
