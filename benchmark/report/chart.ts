/** A bar for each figure that has a target: how far it goes past it. Plain SVG, legible on white and on dark pages. */
import { attainment, type Figure } from "../figure.ts"
import { formatTarget, formatValue } from "./format.ts"

const labelWidth = 390
const barWidth = 330
const valueWidth = 180
const rowHeight = 24
const top = 40
/** A bar that goes further ends here, with an arrow. */
const most = 3

export const toSvg = (figures: ReadonlyArray<Figure>): string => {
  const rows = figures.flatMap((figure) => {
    const reached = attainment(figure)
    return reached === undefined ? [] : [{ figure, reached }]
  })
  const width = labelWidth + barWidth + valueWidth
  const height = top + rows.length * rowHeight + 10
  const target = labelWidth + barWidth / most
  const bars = rows.map(({ figure, reached }, row) => {
    const y = top + row * rowHeight
    const length = (Math.min(reached, most) / most) * barWidth
    const middle = y + rowHeight / 2 + 4
    return [
      `<text x="${labelWidth - 8}" y="${middle}" text-anchor="end">${escape(figure.name.replaceAll("`", ""))}</text>`,
      `<rect x="${labelWidth}" y="${y + 4}" width="${length.toFixed(1)}" height="${rowHeight - 8}" rx="2" fill="${reached >= 1 ? "#2f9e5b" : "#d9730d"}"/>`,
      `<text x="${labelWidth + length + 6}" y="${middle}">${escape(`${reached > most ? "→ " : ""}${formatValue(figure.value, figure.unit)} (${formatTarget(figure)})`)}</text>`,
    ].join("\n")
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Each figure against its target">
<style>text { font: 13px system-ui, sans-serif; fill: #1f2328 } @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }</style>
<text x="${target}" y="16" text-anchor="middle">target</text>
${bars.join("\n")}
<line x1="${target}" y1="22" x2="${target}" y2="${height - 6}" stroke="#8b949e" stroke-dasharray="4 3"/>
</svg>
`
}

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
