/**
 * The sealing keys of a simulation: rings that change while nodes run, and nodes from before there were seals. The rules of the library are
 * under test, so they are written here independently.
 */
import * as Effect from "effect/Effect"
import type { ApiKeySeals, SealingKey, SealingKeys } from "../../../ApiKeySeals.ts"
import * as ApiKeyToken from "../../../ApiKeyToken.ts"
import { ownFormats } from "../../token/ownFormats.ts"
import type { Episode } from "./episode.ts"
import type { Token } from "./model.ts"

/** How a node treats tokens without a good seal: `none` is a node from before there were seals, `default` follows the data. */
export type Rule = "none" | "default" | "preferred" | "required"

/** The sealing keys of a node. */
export interface NodeSeals {
  readonly rule: Rule
  readonly service: ApiKeySeals["Service"]
  /** Replaces the ring. Tokens of keys that it lacks count as tokens without a seal. */
  readonly changeRing: () => void
  /** Whether the token's seal is good under each, or under some, of the rings that the node may go by at this time. */
  readonly isGood: (token: Token, millis: number) => { readonly underEach: boolean; readonly underSome: boolean }
}

export interface Seals {
  readonly startNode: (name: string) => NodeSeals
  /** The id of the key that sealed the token, as a record keeps it. */
  readonly sealIdOf: (token: Token) => string | null
  /** Seals a token by a drawn key. So many of a hundred stay as they are. */
  readonly sealMost: (token: Token, unsealed: number) => Token
}

/** The longest time for which a node goes by a ring that was replaced, in milliseconds. */
const ringLifetime = 1_000
/** The longest time for which a node believes that all tokens are sealed although a change went unheard, in milliseconds. */
export const believed = 660_000

/** Eight bytes that differ by the text and by the key, which is enough where nobody guesses (FNV-1a). */
const codeOf = (text: string, key: number): string => {
  let bytes = ""
  for (let half = 1; half <= 2; half++) {
    let state = Math.imul(0x811c9dc5 ^ (key * 2 + half), 0x01000193)
    for (let index = 0; index < text.length; index++) state = Math.imul(state ^ text.charCodeAt(index), 0x01000193)
    for (let shift = 24; shift >= 0; shift -= 8) bytes += String.fromCharCode((state >>> shift) & 0xff)
  }
  return bytes
}

/** The keys of all rings. */
const pool = [1, 2, 3].map((number): SealingKey => ({
  id: `s${number}.${String(number).repeat(16)}`,
  code: (text) => codeOf(text, number),
}))

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
/** The numbers of characters of a secret before its seal, and of the seal. */
const [unsealedLength, sealLength] = [47, 11]

/** The token with its seal by the key, and the checksum after the seal. */
const sealBy = ({ code }: SealingKey, { keyId, secret }: Token): Token => {
  const sealed = `ak-${keyId}-${secret.slice(0, unsealedLength)}`
  let value = 0n
  for (const byte of code(sealed)) value = (value << 8n) | BigInt(byte.charCodeAt(0))
  let seal = ""
  for (let index = 0; index < sealLength; index++, value /= 62n) seal = digits.charAt(Number(value % 62n)) + seal
  const characters = secret.slice(0, unsealedLength) + seal
  return { keyId, secret: characters + ApiKeyToken.checksum(`ak-${keyId}-${characters}`) }
}

export const makeSeals = ({ setting, statistics, chance, draw, pick, millis, log }: Episode): Seals => {
  const sealedBy = new Map<string, SealingKey | undefined>()
  const keyThatSealed = (token: Token): SealingKey | undefined => {
    const { secret } = token
    if (!sealedBy.has(secret)) {
      sealedBy.set(
        secret,
        pool.find((key) => sealBy(key, token).secret === secret),
      )
    }
    return sealedBy.get(secret)
  }

  /** Rings that are drawn again are the same objects, so a node may get back the ring that it had. */
  const rings = new Map<string, SealingKeys>()
  const drawRing = (lacking: number): SealingKeys => {
    const keys = pool.map((key) => ({ key, place: draw(1_000) })).sort((one, other) => one.place - other.place)
    const [current = pool[0]!, ...older] = keys.slice(0, chance(lacking) ? 1 + draw(pool.length) : pool.length).map(({ key }) => key)
    const name = [current, ...older].map(({ id }) => id).join(" ")
    const ring = rings.get(name) ?? { current, older }
    rings.set(name, ring)
    return ring
  }

  const startNode = (name: string): NodeSeals => {
    const dice = draw(100)
    const rule: Rule = chance(setting.lackingSeals) ? "none" : dice < 80 ? "default" : dice < 90 ? "preferred" : "required"
    /** The rings that the node has had, each with the time until which it had it. */
    const had: Array<{ readonly ring: SealingKeys; until: number }> = []
    let ring = drawRing(setting.lackingSeals)
    const takeRing = () => {
      had.push({ ring, until: Number.POSITIVE_INFINITY })
      const keys = [ring.current, ...ring.older].map(({ id }) => id.slice(0, 2)).join(" ")
      log(undefined, rule === "none" ? `${name} makes no seals` : `${name} seals by ${keys}, with the rule ${rule}`)
    }
    takeRing()
    return {
      rule,
      service: { keys: Effect.sync(() => ring) },
      changeRing: () => {
        statistics.changedRings++
        // There is always a last one.
        had.at(-1)!.until = millis()
        ring = drawRing(50)
        takeRing()
      },
      isGood: (token, millis) => {
        const key = keyThatSealed(token)
        const inUse = had.filter(({ until }) => until > millis - ringLifetime)
        const holdsKey = ({ ring }: { readonly ring: SealingKeys }) =>
          key !== undefined && (ring.current === key || ring.older.includes(key))
        return { underEach: inUse.every(holdsKey), underSome: inUse.some(holdsKey) }
      },
    }
  }

  return {
    startNode,
    sealIdOf: (token) => keyThatSealed(token)?.id ?? null,
    sealMost: (token, unsealed) => (chance(unsealed) ? token : sealBy(pick(pool), token)),
  }
}

/** The default format with another generator. Without seals it is a format whose tokens bear none. */
export const formatOf = (rule: Rule, generate: ApiKeyToken.TokenFormat["generate"]): ApiKeyToken.TokenFormat => {
  const format = { ...ApiKeyToken.defaultFormat, generate }
  const own = ownFormats.get(ApiKeyToken.defaultFormat)
  if (rule !== "none" && own !== undefined) ownFormats.set(format, own)
  return format
}
