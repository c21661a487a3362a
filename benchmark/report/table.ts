import { attainment, type Figure } from "../figure.ts"
import { formatRates, formatTarget, formatValue } from "./format.ts"

/** For a terminal. */
export const toText = (figures: ReadonlyArray<Figure>): string => {
  const rows = figures.map((figure) => {
    const reached = attainment(figure)
    return [
      reached === undefined ? " " : reached >= 1 ? "✓" : "✗",
      figure.name,
      formatValue(figure.value, figure.unit),
      formatTarget(figure),
      formatRates(figure),
    ]
  })
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n")
}

/** For the documentation. */
export const toMarkdown = (figures: ReadonlyArray<Figure>): string => {
  const rows = figures.map((figure) => {
    const reached = attainment(figure)
    const cells = [
      figure.name,
      formatValue(figure.value, figure.unit),
      formatTarget(figure),
      reached === undefined ? "" : reached >= 1 ? "yes" : "**no**",
      [formatRates(figure), figure.note].filter(Boolean).join("; "),
    ]
    return `| ${cells.join(" | ")} |`
  })
  return ["| what | reached | target | kept | medians a second, and notes |", "| --- | --- | --- | --- | --- |", ...rows].join("\n")
}
