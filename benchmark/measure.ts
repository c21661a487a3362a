/**
 * Rates of several contenders, measured in alternating rounds of one process, so that whatever slows the machine down slows all of them.
 * What counts is the ratio of two rates of the same round; its median over the rounds is what we report.
 */

export interface Contender {
  /** Does `count` operations. */
  readonly run: (count: number) => unknown
  /** Done before and after each round, outside of what is timed. */
  readonly before?: () => unknown
  readonly after?: () => unknown
}

export interface Options {
  readonly rounds?: number | undefined
  /** How long a round of each contender should take. Default: 150. */
  readonly milliseconds?: number | undefined
  /** How many operations a round may have at most. */
  readonly maximum?: number | undefined
}

/** A contender's operations a second, one number a round. */
export type Rates<Name extends string> = Readonly<Record<Name, ReadonlyArray<number>>>

export const measure = async <Name extends string>(
  contenders: Readonly<Record<Name, Contender>>,
  { rounds = 9, milliseconds = 150, maximum = Infinity }: Options = {},
): Promise<Rates<Name>> => {
  // The keys are those that the type names.
  const names = Object.keys(contenders) as Array<Name>
  const counts = new Map<Name, number>()
  for (const name of names) counts.set(name, await calibrate(contenders[name], milliseconds, maximum))
  const rates = Object.fromEntries(names.map((name): [Name, Array<number>] => [name, []])) as Record<Name, Array<number>>
  // The first rounds warm up.
  for (let round = -2; round < rounds; round++) {
    const turn = Math.abs(round) % names.length
    for (const name of [...names.slice(turn), ...names.slice(0, turn)]) {
      const count = counts.get(name)!
      const rate = (count / (await time(contenders[name], count))) * 1_000
      if (round >= 0) rates[name].push(rate)
    }
  }
  return rates
}

/** Finds how many operations fill a round, and warms the code up on the way. */
const calibrate = async (contender: Contender, milliseconds: number, maximum: number): Promise<number> => {
  let count = 1
  for (;;) {
    const elapsed = await time(contender, count)
    if (elapsed >= milliseconds / 2 || count >= maximum) return Math.min(maximum, Math.max(1, Math.round((count * milliseconds) / elapsed)))
    count = Math.min(maximum, count * 2)
  }
}

const time = async ({ run, before, after }: Contender, count: number): Promise<number> => {
  await before?.()
  // Young garbage of the contender before isn't this one's cost. A full collection would drop code that hasn't run for a while.
  globalThis.gc?.({ type: "minor" })
  const start = performance.now()
  await run(count)
  const elapsed = performance.now() - start
  await after?.()
  return elapsed
}

/** Sorts a copy and takes the value at `share` of its length. */
export const quantile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

/** The median of one contender's share of another's rate, with quartiles and the rates behind it, ready to spread into a figure. */
export const share = <Name extends string>(rates: Rates<Name>, of: NoInfer<Name>, to: NoInfer<Name>) => {
  const shares = rates[of].map((rate, round) => rate / rates[to][round]!)
  return {
    value: median(shares),
    spread: [quantile(shares, 0.25), quantile(shares, 0.75)] as const,
    rates: { [of]: Math.round(median(rates[of])), [to]: Math.round(median(rates[to])) },
  }
}
