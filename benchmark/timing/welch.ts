/** Whether two sets of times differ, as dudect asks it: https://eprint.iacr.org/2016/1123 */
import { quantile } from "../measure.ts"

/** Welch's t of the means. */
const welch = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number => {
  const [x, y] = [moments(a), moments(b)]
  return (x.mean - y.mean) / Math.sqrt(x.variance / a.length + y.variance / b.length)
}

const moments = (values: ReadonlyArray<number>) => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1) }
}

/** What is slower than this share of all samples is left out: interruptions and collections of garbage hide small differences. */
const crops = [1, 0.95, 0.9, 0.75, 0.5]

/** The t of the largest magnitude over the crops. */
export const largestT = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number => {
  const all = [...a, ...b]
  let largest = 0
  for (const crop of crops) {
    const limit = crop === 1 ? Infinity : quantile(all, crop)
    const t = welch(
      a.filter((time) => time <= limit),
      b.filter((time) => time <= limit),
    )
    if (Math.abs(t) > Math.abs(largest)) largest = t
  }
  return largest
}
