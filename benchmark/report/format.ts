import type { Figure } from "../figure.ts"

/** A number of the figure's unit, for people. */
export const formatValue = (value: number, unit: Figure["unit"]): string => {
  switch (unit) {
    case "share":
      return value.toFixed(value < 0.1 ? 3 : 2)
    case "times":
      return `${value.toFixed(value < 10 ? 2 : 0)}×`
    case "bytes":
      return `${Math.round(value).toLocaleString("en")} B`
    case "milliseconds":
      return `${value.toFixed(value < 10 ? 2 : 0)} ms`
    case "t":
      return `t = ${value.toFixed(2)}`
  }
}

export const formatTarget = ({ target, unit }: Figure): string =>
  target === undefined ? "" : "atLeast" in target ? `≥ ${formatValue(target.atLeast, unit)}` : `≤ ${formatValue(target.atMost, unit)}`

export const formatRates = ({ rates = {} }: Figure): string =>
  Object.entries(rates)
    .map(([name, rate]) => `${name} ${rate.toLocaleString("en", { maximumFractionDigits: rate < 100 ? 1 : 0 })}`)
    .join(", ")
