/** Models the least that a node knows, by the messages that it has heard. The node's answers must show that knowledge. */
import type { Message } from "../../nodes/message.ts"

/** The time for which a node answers from memory after the last heartbeat that it heard, in milliseconds. */
const lease = 10_000
/** The least time for which an announced change is in doubt if no message tells of its end, in milliseconds. */
export const patience = 30_000

/** The moment up to which a node knows of changes. */
interface Knowledge {
  /** Raises the moment, from the next millisecond on. */
  readonly hear: (moment: number, millis: number) => void
  /** Raises the moment at once. */
  readonly learn: (moment: number) => void
  /** The moment that counts at this time. */
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
  /** The moment up to which the node knows of changes of the key id. */
  readonly knows: (keyId: string, millis: number) => number
  /** Notes that the node knows of changes of the key id up to this moment. */
  readonly learn: (keyId: string, moment: number) => void
  /** Does the same as `learn`, from the next millisecond on. */
  readonly hear: (keyId: string, moment: number, millis: number) => void
  readonly isInTouch: (millis: number) => boolean
  /** Whether the node must remember nothing of the record. A message counts when the millisecond of its delivery is over. */
  readonly isInDoubt: (id: string, millis: number) => boolean
  /** Whether one of the changes in doubt may let a token work that doesn't. */
  readonly mayRevive: (id: string, millis: number) => boolean
  /** Whether the node has made or heard of a change of the record whose end it doesn't know. */
  readonly hasDoubt: (id: string, millis: number) => boolean
  /** The time from which on records that were read may be used. */
  readonly oldestUsed: (millis: number) => number
  /** The moment at which the node last announced, or tried to announce, that a key has changed. */
  readonly toldAt: (keyId: string) => number
  /** The node's last question whether a key's change was applied. */
  readonly askedAt: (keyId: string) => Asked | undefined
  readonly onSubscribe: (moment: number, millis: number) => void
  readonly onEnd: (millis: number) => void
  readonly onDeliver: (message: Message, sentAt: number, moment: number, millis: number) => void
  /** Notes a message that the node publishes. Returns the fault in the node's conduct, if any. */
  readonly onPublish: (message: Message, hasFailed: boolean, moment: number, millis: number) => string | undefined
}

export const makeNodeModel = (name: string, keyIdsOf: (id: string) => Iterable<string>): NodeModel => {
  const ofKeys = new Map<string, Knowledge>()
  const ofAll = makeKnowledge()
  const told = new Map<string, number>()
  const asked = new Map<string, Asked>()
  /** By record, the changes whose end the node doesn't know, each with the time until which it counts. */
  const doubts = new Map<string, Map<string, number>>()
  const reviving = new Set<string>()
  /**
   * The time at which the node sent the first heartbeat that it heard. An earlier request for a confirmation may have missed the node, so it
   * uses nothing older.
   */
  let trustedSince = Number.POSITIVE_INFINITY
  let trustedUntil = Number.NEGATIVE_INFINITY
  let endedAt = Number.NEGATIVE_INFINITY
  /** Whether the node failed to announce a change, so that it owes the others an `Everything`. */
  let owes = false
  /** The time of the last heartbeat that the node sent while it owed. */
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
    mayRevive: (id, millis) => {
      for (const [change, until] of doubts.get(id) ?? []) {
        if (reviving.has(change) && millis < until && millis > until - patience) return true
      }
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
      if (message._tag === "Doubtful" && message.revives) reviving.add(message.change)
      switch (message._tag) {
        case "Changed":
        case "Confirm":
          return ofKey(message.keyId).hear(moment, millis)
        case "Everything":
          return ofAll.hear(moment, millis)
        case "Doubtful":
          // `onPublish` has noted the node's own change.
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
        case "Ignored":
          return
      }
    },
    onPublish: (message, hasFailed, moment, millis) => {
      if (message._tag === "Doubtful" && message.revives) reviving.add(message.change)
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
