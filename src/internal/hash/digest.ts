/** SHA-256 in one synchronous call, which the warm path needs and WebCrypto doesn't have. */
import type * as NodeCrypto from "node:crypto"

/**
 * The digest of a text's UTF-8 as 32 characters below U+0100, the smallest form that V8 keeps and compares quickly. The function is
 * `undefined` where the runtime has no `node:crypto`, and then nothing is cached. The module isn't imported, so that bundles for browsers
 * need not resolve it.
 */
export const sha256: ((text: string) => string) | undefined = ((): ((text: string) => string) | undefined => {
  const crypto: Partial<typeof NodeCrypto> | undefined = globalThis.process?.getBuiltinModule?.("node:crypto")
  const hash = crypto?.hash
  return hash === undefined ? undefined : (text) => hash("sha256", text, "binary")
})()

/** Whether `text` starts with the digest. The time doesn't tell where the two differ. */
export const startsWithDigest = (text: string, digest: string): boolean => {
  let difference = 0
  for (let i = 0; i < digest.length; i++) difference |= text.charCodeAt(i) ^ digest.charCodeAt(i)
  return difference === 0
}
