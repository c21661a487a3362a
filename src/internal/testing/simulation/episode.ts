/** The state that all parts of a simulated history share: its random draws, its settings, and the events so far. */
import type * as Clock from "effect/Clock"
import type { Draw, Faults } from "../faultyInvalidation.ts"
import { makeDraw } from "./draw.ts"
import { makeRecords, type Records } from "./model.ts"
import { noStatistics, SimulationFailure, type Statistics } from "./outcome.ts"

/** The settings of one history. Durations are in milliseconds. */
export interface Setting {
  readonly timeToLive: number
  /** The time for which a node refuses a refused token again without asking the store. */
  readonly refusalTimeToLive: number
  /** The age from which tokens are refused; infinite if never. */
  readonly maximumAge: number
  /** The furthest that a node's clock is ahead. */
  readonly skew: number
  /** Whether the store announces each write, as a database with triggers does. */
  readonly announcesWrites: boolean
  /** Whether the store has a register of nodes too. All nodes see it, even after the channel has lost or split its own register. */
  readonly hasRegister: boolean
  /** Whether the nodes have a listener. */
  readonly hasListener: boolean
  readonly nodeCount: number
  /** Whether nothing cuts nodes off or loses answers, so that nodes may come to know that all tokens that work have a good seal. */
  readonly isCalm: boolean
  /** Steps of 10,000 that give a node another ring of sealing keys. */
  readonly ringChanges: number
  /** Of a hundred: nodes that begin with a ring that lacks keys, or are from before there were seals. */
  readonly lackingSeals: number
  readonly faults: Faults
  readonly storeDelay: number
  readonly hashDelay: number
  /** The percentage of reads that fail. */
  readonly storeFailures: number
  /** The percentage of writes that are made, and reported as failed. */
  readonly lostAnswers: number
  /** The percentage of writes that are reported as failed, and made later or never. */
  readonly lateWrites: number
}

export interface Episode {
  readonly setting: Setting
  readonly statistics: Statistics
  readonly records: Records
  /** By key id, the moment of the latest confirmed change. All nodes know of the changes up to that moment. */
  readonly confirmed: Map<string, number>
  /** By key id, the time at which its token was first presented in a verification that counts as a use. */
  readonly presentedAt: Map<string, number>
  /** By key id or id, the moment of the last read that failed. */
  readonly storeFailedAt: Map<string, number>
  readonly draw: Draw
  readonly chance: (percent: number) => boolean
  readonly pick: <A>(of: ReadonlyArray<A>) => A
  readonly millis: () => number
  /** Advances to the next moment, and returns it. */
  readonly tick: () => number
  /** Notes an event of a record (by its id, or by a key id), or of a node (`undefined`). */
  readonly log: (about: string | undefined, text: string) => void
  /** Fails the history. Only the first failure is kept. */
  readonly fail: (about: string | undefined, reason: string) => void
  readonly failure: () => SimulationFailure | undefined
}

interface Event {
  readonly about: string | undefined
  readonly millis: number
  readonly moment: number
  readonly text: string
}

/** The number of events that a failure shows. */
const shown = 400

export const makeEpisode = (seed: number, steps: number, clock: Clock.Clock): Episode => {
  const draw = makeDraw(seed)
  const chance = (percent: number): boolean => draw(100_000) < percent * 1_000
  // Callers pass no empty list.
  const pick = <A>(of: ReadonlyArray<A>): A => of[draw(of.length)]!
  const millis = (): number => clock.currentTimeMillisUnsafe()
  const statistics = noStatistics()
  const records = makeRecords()
  const events: Array<Event> = []
  let moment = 0
  let failure: SimulationFailure | undefined

  const historyOf = (about: string | undefined): Array<string> => {
    const record = about === undefined ? undefined : records.find(about)
    return events
      .filter(
        (event) => event.about === undefined || event.about === about || (record !== undefined && records.find(event.about) === record),
      )
      .map((event) => `  ${event.millis.toFixed(1).padStart(12)} #${event.moment} ${event.text}`)
  }

  return {
    setting: makeSetting(draw, chance, pick),
    statistics,
    records,
    confirmed: new Map(),
    presentedAt: new Map(),
    storeFailedAt: new Map(),
    draw,
    chance,
    pick,
    millis,
    tick: () => ++moment,
    log: (about, text) => void events.push({ about, millis: millis(), moment, text }),
    fail: (about, reason) => {
      failure ??= new SimulationFailure({ seed, steps, step: statistics.steps, reason, history: historyOf(about).slice(-shown) })
    },
    failure: () => failure,
  }
}

const makeSetting = (draw: Draw, chance: Episode["chance"], pick: Episode["pick"]): Setting => {
  const storeDelay = pick([2, 30, 400])
  const isCalm = chance(30)
  return {
    // 60 s is longer than a change is in doubt.
    timeToLive: pick([2_000, 8_000, 60_000]),
    refusalTimeToLive: 5_000,
    maximumAge: chance(20) ? 60_000 : Number.POSITIVE_INFINITY,
    skew: pick([0, 0, 3_000]),
    announcesWrites: chance(30),
    hasRegister: chance(50),
    hasListener: chance(50),
    nodeCount: 2 + draw(3),
    isCalm,
    ringChanges: pick([0, 10, 30]),
    lackingSeals: isCalm ? 0 : pick([0, 30]),
    faults: {
      failed: isCalm ? 0 : pick([0, 0, 20_000, 200_000]),
      lost: isCalm ? 0 : pick([0, 10_000, 100_000]),
      doubled: 50_000,
      delay: pick([5, 200, 3_000]),
      registering: pick([0, 50, 2_000]),
    },
    storeDelay,
    // 4 s is longer than a node needs to come into touch, and than a `timeToLive` of 2 s.
    hashDelay: pick([storeDelay, storeDelay, 4_000]),
    storeFailures: pick([0, 0, 1]),
    lostAnswers: isCalm ? 0 : pick([0, 5, 20]),
    lateWrites: isCalm ? 0 : pick([0, 5, 20]),
  }
}
