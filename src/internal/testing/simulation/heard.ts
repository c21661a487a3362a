/** Checks the events of a simulated history: listeners hear of each answered change once, and of no unanswered one. */
import * as Effect from "effect/Effect"
import type { ApiKeyEvent, Listener } from "../../../ApiKeyEvents.ts"
import type { Episode } from "./episode.ts"
import { tellAnswer, type Written } from "./model.ts"

/** The progress of a change. */
export interface Change {
  written: Written | undefined
  isAnswerLost: boolean
}

export interface Heard {
  /** The listener of a node. It listens to nothing if the setting has no listener. */
  readonly listenerOf: (node: string) => Listener
  /** Adds a change that `check` compares with the events heard. */
  readonly expect: (change: Change) => void
  readonly check: () => void
}

type Way = "inTransaction" | "afterCommit"

export const makeHeard = (episode: Episode, hasTransactions: boolean): Heard => {
  const { records, setting, statistics, log, fail } = episode
  // A listener in a transaction of the store would hold the whole simulation up.
  const ways: ReadonlyArray<Way> = !setting.hasListener ? [] : hasTransactions ? ["afterCommit"] : ["inTransaction", "afterCommit"]
  const heard = { inTransaction: new Set<string>(), afterCommit: new Set<string>() }
  const expected: Array<Change> = []

  const hear = (node: string, way: Way, event: ApiKeyEvent): void => {
    if (event._tag === "KeysUsed" || event._tag === "KeyRehashed") return
    const { id, _tag } = event
    const name = nameOf(event)
    log(id, `${node} tells its listener ${way === "afterCommit" ? "after the commit" : "in the transaction"} of ${_tag}`)
    statistics.heard++
    if (heard[way].has(name)) fail(id, `${node} told its listener twice of ${_tag}`)
    heard[way].add(name)
    const text = tellAnswer("after" in event ? event.after : event.before)
    if (records.find(id)?.states.some((state) => state.text === text) !== true)
      fail(id, `${node} told its listener of ${_tag}, and the record has never been so`)
  }
  const listen = (node: string, way: Way) => (events: ReadonlyArray<ApiKeyEvent>) =>
    Effect.sync(() => events.forEach((event) => hear(node, way, event)))

  return {
    listenerOf: (node) => Object.fromEntries(ways.map((way) => [way, listen(node, way)])),
    expect: (change) => void expected.push(change),
    check: () => {
      for (const { written, isAnswerLost } of expected) {
        if (written === undefined) continue
        const { before, after } = written
        const { id } = (after.apiKey ?? before.apiKey)!
        const name = after.apiKey === undefined ? `${id} gone ${before.apiKey?.version}` : `${id} ${after.apiKey.version}`
        for (const way of ways) {
          if (heard[way].has(name) === isAnswerLost) {
            fail(
              id,
              `the change of #${written.moment} was ${isAnswerLost ? "told to a listener without an answer" : "told to no listener"} (${way})`,
            )
          }
        }
      }
    },
  }
}

/** Identifies an event by record and version. A settled grace doesn't change the version, so its name says so. */
const nameOf = (event: Exclude<ApiKeyEvent, { readonly _tag: "KeysUsed" | "KeyRehashed" }>): string => {
  if (event._tag === "KeyDeleted") return `${event.id} gone ${event.before.version}`
  return event._tag === "GraceSettled" ? `${event.id} settled ${event.after.version}` : `${event.id} ${event.after.version}`
}
