/** The house has rooms, and an arrow between rooms has one direction. `ARCHITECTURE.md` draws them. */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { parseSync } from "vite"

const root = new URL("../../src", import.meta.url).pathname

interface Room {
  /** Modules by path within `src`; a folder ends with a slash and stands for all that is in it. */
  readonly holds: ReadonlyArray<string>
  readonly sees: ReadonlyArray<string>
}

const core = ["ground", "domain", "ports", "nodes", "verifier", "services"]

const rooms: Readonly<Record<string, Room>> = {
  ground: { holds: ["text", "time", "schema", "config", "token", "hash"].map((folder) => `internal/${folder}/`), sees: [] },
  domain: {
    holds: ["ApiKey", "KeyPolicy", "ApiKeyError", "ApiKeyEvents", "ApiKeyMetrics", "ApiKeyToken", "Scope", "VerificationCache"],
    sees: ["ground"],
  },
  ports: {
    holds: ["ApiKeyRepository", "ApiKeyHasher", "ApiKeyInvalidation", "LegacyTokens", "internal/record/"],
    sees: ["ground", "domain"],
  },
  nodes: { holds: ["internal/nodes/"], sees: ["ground", "domain", "ports"] },
  verifier: { holds: ["internal/verifier/"], sees: ["ground", "domain", "ports", "nodes"] },
  services: { holds: ["ApiKeys", "ApiKeyTransfer", "internal/keys/", "index"], sees: core },
  stores: { holds: ["sql/", "redis/", "internal/sql/"], sees: ["ground", "domain", "ports", "nodes"] },
  hashers: { holds: ["hasher/", "internal/hasher/"], sees: ["ground", "domain", "ports"] },
  legacy: { holds: ["legacy/", "internal/legacy/"], sees: ["ground", "domain", "ports", "hashers"] },
  scan: { holds: ["scan/", "internal/scan/"], sees: ["ground", "domain"] },
  http: { holds: ["http/", "internal/http/"], sees: core },
  testing: { holds: ["testing", "internal/testing/"], sees: core },
  server: {
    holds: ["server", "internal/server/"],
    sees: [...core, "stores", "hashers", "legacy", "http"],
  },
  cli: {
    holds: ["cli", "cli/", "internal/cli/"],
    sees: [...core, "stores", "hashers", "legacy", "http", "scan", "server"],
  },
}

const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"))

const roomOf = (file: string): string | undefined =>
  Object.keys(rooms).find((name) => rooms[name]?.holds.some((held) => (held.endsWith("/") ? file.startsWith(held) : file === `${held}.ts`)))

/** The modules of the project that a module names, for their types too. */
const importsOf = (file: string): ReadonlyArray<string> => {
  const text = readFileSync(join(root, file), "utf8")
  const { module } = parseSync(file, text)
  const specifiers = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) => entries.flatMap(({ moduleRequest }) => moduleRequest?.value ?? [])),
    // Also `typeof import("…")`, which is a type.
    ...Array.from(text.matchAll(/\bimport\("([^"]+)"\)/g), ([, specifier = ""]) => specifier),
  ]
  return Array.from(new Set(specifiers.filter((each) => each.startsWith(".")).map((each) => join(dirname(file), each))))
}

const arrows = new Map(files.map((file) => [file, importsOf(file)]))

/** A way from the module back to itself. */
const circleFrom = (start: string): ReadonlyArray<string> | undefined => {
  const seen = new Set<string>()
  const paths: Array<ReadonlyArray<string>> = [[start]]
  for (let path = paths.shift(); path !== undefined; path = paths.shift()) {
    for (const next of arrows.get(path.at(-1) ?? start) ?? []) {
      if (next === start) return [...path, start]
      if (seen.has(next)) continue
      seen.add(next)
      paths.push([...path, next])
    }
  }
  return undefined
}

describe("the house", () => {
  it("has a room for each module", () => {
    assert.deepStrictEqual(
      files.filter((file) => roomOf(file) === undefined),
      [],
    )
  })

  it("has no arrow between rooms but those that are drawn", () => {
    const wrong = files.flatMap((file) =>
      (arrows.get(file) ?? []).flatMap((target) => {
        const [from = "", to = ""] = [roomOf(file), roomOf(target)]
        return from === to || rooms[from]?.sees.includes(to) === true ? [] : [`${file} (${from}) sees ${target} (${to})`]
      }),
    )
    assert.deepStrictEqual(wrong, [])
  })

  it("has no circle, of types neither", () => {
    const circles = files.flatMap((file) => circleFrom(file)?.join(" → ") ?? [])
    assert.deepStrictEqual(circles, [])
  })
})
