import { existsSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"

const root = new URL("../..", import.meta.url).pathname

/** Whether what `npm run build` wrote is of these sources. */
export const isBuilt = (): boolean => {
  const output = join(root, "dist/bin/effect-api-key.js")
  if (!existsSync(output)) return false
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).map((path) => join(root, "src", path))
  return [...sources, join(root, "scripts/bundle-cli.ts")].every((path) => statSync(path).mtimeMs < statSync(output).mtimeMs)
}
