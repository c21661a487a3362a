/** What a node is sure to know, by what it has heard: so much at least must show in its answers. */
import type { Message } from "../../nodes/message.ts"

/** How long a node goes on without hearing its own heartbeat, in milliseconds. */
const lease = 10_000
/** How long a change that was told of, and not again, is in doubt at least, in milliseconds. */
export const patience = 30_000

/** The moment up to which changes are known. */
interface Knowledge {
  /** Counts when the millisecond is over. */
  readonly hear: (moment: number, millis: number) => void
  readonly learn: (moment: number) => void
  /** The state of this moment, or of a later one. */
  readonly at: (millis: number) => number
}

const makeKnowledge = (): Knowledge => {
  let sure = 0
  let latest = 0
  let latestMillis = Number.NEGATIVE_INFINITY
  const settle = (millis: number): void => {
    if (millis > latestMillis) sure = Math.max(sure, latest)
  }
  return {
    hear: (moment, millis) => {
      settle(millis)
      latest = Math.max(latest, moment)
      latestMillis = millis
    },
    learn: (moment) => {
      sure = Math.max(sure, moment)
    },
    at: (millis) => {
      settle(millis)
      return sure
    },
  }
}

/** A request for a confirmation. */
interface Asked {
  readonly moment: number
  readonly millis: number
}

export interface NodeModel {
  /** The moment whose state of the key id, or a later one, it knows. */
  readonly knows: (keyId: string, millis: number) => number
  /** It made a change, or heard of one, at this moment. */
  readonly learn: (keyId: string, moment: number) => void
  /** As `learn`, from the next millisecond on. */
  readonly hear: (keyId: string, moment: number, millis: number) => void
  readonly isInTouch: (millis: number) => boolean
  /** Whether it may remember nothing of the record. A message counts when the millisecond in which it was delivered is over. */
  readonly isInDoubt: (id: string, millis: number) => boolean
  /** Whether it has told of a change of the record, or heard of one, whose end it doesn't know. */
  readonly hasDoubt: (id: string, millis: number) => boolean
  /** Nothing that was read before is used. */
  readonly oldestUsed: (millis: number) => number
  /** When it last said, or tried to say, that a key has changed. */
  readonly toldAt: (keyId: string) => number
  /** When it last asked whether a key's change was applied. */
  readonly askedAt: (keyId: string) => Asked | undefined
  readonly onSubscribe: (moment: number, millis: number) => void
  readonly onEnd: (millis: number) => void
  readonly onDeliver: (message: Message, sentAt: number, moment: number, millis: number) => void
  /** Tells what is wrong. */
  readonly onPublish: (message: Message, hasFailed: boolean, moment: number, millis: number) => string | undefined
}

export const makeNodeModel = (name: string, keyIdsOf: (id: string) => Iterable<string>): NodeModel => {
  const ofKeys = new Map<string, Knowledge>()
  const ofAll = makeKnowledge()
  const told = new Map<string, number>()
  const asked = new Map<string, Asked>()
  /** The changes that it has heard of, or made itself, whose end it doesn't know, by record: until when they count. */
  const doubts = new Map<string, Map<string, number>>()
  /** When it sent the first heartbeat that it heard. A request for a confirmation before may not have reached it, so it uses nothing older. */
  let trustedSince = Number.POSITIVE_INFINITY
  let trustedUntil = Number.NEGATIVE_INFINITY
  let endedAt = Number.NEGATIVE_INFINITY
  /** Whether there is a change of which it couldn't tell. */
  let owes = false
  /** When it last sent a heartbeat while it owed. */
  let beatAt: number | undefined

  const isOwn = (node: string): boolean => node.startsWith(`${name}-`)
  const isInTouch = (millis: number): boolean => millis < trustedUntil && millis <= endedAt
  const ofKey = (keyId: string): Knowledge => {
    let known = ofKeys.get(keyId)
    if (known === undefined) ofKeys.set(keyId, (known = makeKnowledge()))
    return known
  }
  const doubt = (id: string, change: string, until: number): void => {
    const changes = doubts.get(id) ?? new Map<string, number>()
    doubts.set(id, changes.set(change, until))
  }

  return {
    knows: (keyId, millis) => Math.max(ofKeys.get(keyId)?.at(millis) ?? 0, ofAll.at(millis)),
    learn: (keyId, moment) => ofKey(keyId).learn(moment),
    hear: (keyId, moment, millis) => ofKey(keyId).hear(moment, millis),
    isInTouch,
    isInDoubt: (id, millis) => {
      for (const until of doubts.get(id)?.values() ?? []) if (millis < until && millis > until - patience) return true
      return false
    },
    hasDoubt: (id, millis) => Array.from(doubts.get(id)?.values() ?? []).some((until) => millis < until),
    oldestUsed: (millis) => (isInTouch(millis) ? trustedSince : Number.NEGATIVE_INFINITY),
    toldAt: (keyId) => told.get(keyId) ?? 0,
    askedAt: (keyId) => asked.get(keyId),
    onSubscribe: (moment, millis) => {
      trustedSince = Number.POSITIVE_INFINITY
      trustedUntil = Number.NEGATIVE_INFINITY
      endedAt = Number.POSITIVE_INFINITY
      ofAll.hear(moment, millis)
    },
    onEnd: (millis) => {
      endedAt = millis
    },
    onDeliver: (message, sentAt, moment, millis) => {
      switch (message._tag) {
        case "Changed":
        case "Confirm":
          return ofKey(message.keyId).hear(moment, millis)
        case "Everything":
          return ofAll.hear(moment, millis)
        case "Doubtful":
          // Its own it knows.
          if (!isOwn(message.change)) doubt(message.id, message.change, millis + patience)
          return
        case "Settled":
          if (isOwn(message.change)) return
          doubts.get(message.id)?.delete(message.change)
          for (const keyId of message.keyIds ?? keyIdsOf(message.id)) ofKey(keyId).hear(moment, millis)
          return
        case "Beat":
          if (!isOwn(message.node)) return
          trustedSince = Math.min(trustedSince, sentAt)
          trustedUntil = Math.max(trustedUntil, sentAt + lease)
          return
        case "Confirmed":
        case "Left":
        case "Imported":
        case "Ignored":
          return
      }
    },
    onPublish: (message, hasFailed, moment, millis) => {
      if (message._tag === "Changed") told.set(message.keyId, moment)
      if (message._tag === "Doubtful") {
        for (const keyId of keyIdsOf(message.id)) told.set(keyId, moment)
        doubt(message.id, message.change, millis + patience)
      }
      if (message._tag === "Settled") {
        for (const keyId of message.keyIds ?? keyIdsOf(message.id)) told.set(keyId, moment)
        doubts.get(message.id)?.delete(message.change)
      }
      if ((message._tag === "Changed" || message._tag === "Doubtful" || message._tag === "Settled") && hasFailed) owes = true
      if (message._tag === "Confirm") asked.set(message.keyId, { moment, millis })
      if (message._tag === "Everything") {
        beatAt = undefined
        if (!hasFailed) owes = false
      }
      const hasForgotten = owes && beatAt !== undefined && beatAt < millis
      if (message._tag === "Beat" && !hasFailed) beatAt = owes ? millis : undefined
      return hasForgotten ? `${name} couldn't tell of a change, and didn't make up for it with its next heartbeat` : undefined
    },
  }
}
