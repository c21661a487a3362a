import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { findMisspelt, variables } from "../../src/internal/wiring/variables.ts"

const root = new URL("../..", import.meta.url).pathname
const read = (path: string) => readFileSync(join(root, path), "utf8")
const named = (text: string) => new Set(Array.from(text.matchAll(/\b(?:EFFECT_)?API_KEY_[A-Z\d]+(?:_[A-Z\d]+)*\b/g), ([name]) => name))

describe("variables", () => {
  it("are all in the list, and each is described", () => {
    const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter(
      (path) => path.endsWith(".ts") && !path.endsWith("variables.ts"),
    )
    const used = named(sources.map((path) => read(join("src", path))).join("\n"))
    assert.deepStrictEqual(Array.from(used).sort(), [...variables].sort())
    const described = named(read("docs/guides/configuration.md") + read("docs/command-line.md"))
    assert.deepStrictEqual(
      variables.filter((name) => !described.has(name)),
      [],
    )
  })

  it("that are misspelt are told, with the one that is meant, and without their value", () => {
    assert.deepStrictEqual(findMisspelt([...variables, "PATH", "HOME", "API", "KEY", "API_TOKEN", "DATABASE_URL", "npm_config_x"]), [])
    const told = (name: string, meant: string | undefined) =>
      assert.deepStrictEqual(findMisspelt([name]), [
        `${name} is set, but isn't a variable of effect-api-key, and isn't read${meant === undefined ? "" : `: did you mean ${meant}?`}`,
      ])
    told("API_KEY_PEPER", "API_KEY_PEPPER")
    told("DATABSE_URL", "DATABASE_URL")
    told("REDISS_URL", "REDIS_URL")
    told("API_KEYS_PEPPER", "API_KEY_PEPPER")
    told("APIKEY_PREFIX", "API_KEY_PREFIX")
    told("API_KEY_MAX_LIFETIME", "API_KEY_MAXIMUM_LIFETIME")
    told("api_key_prefix", "API_KEY_PREFIX")
    told("EFFECT_API_KEY_TOKN", "EFFECT_API_KEY_TOKEN")
    told("API_KEY_SOMETHING_ELSE_ENTIRELY", undefined)
    assert.isBelow(findMisspelt(["API_KEY_" + "X".repeat(100_000)]).join("").length, 200)
    assert.notInclude(findMisspelt(["API_KEY_\u001b[31m"]).join(""), "\u001b")
  })
})
