import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Exit, Option, Schema } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import { ApiKeys, ApiKeyToken } from "../../src/index.ts"
import { CliFailure, command, Json } from "../../src/cli.ts"
import { parseDuration, parseInstant } from "../../src/internal/cli/values.ts"

const app = Command.make("shop").pipe(Command.withSubcommands([command]))
const run = Command.runWith(app, { version: "1.0.0" })

describe("the command in an application", () => {
  it.effect("works on the application's own keys", () =>
    Effect.gen(function* () {
      yield* run(["api-keys", "create", "--name", "mounted", "--json"])
      const created = Schema.decodeUnknownSync(Json.Created)(JSON.parse(String((yield* TestConsole.logLines)[0])))
      assert.strictEqual((yield* (yield* ApiKeys.ApiKeys).get(created.apiKey.id)).name, "mounted")
      const exit = yield* Effect.exit(run(["api-keys", "get", "019b8a5e-6b7c-7d3e-9f10-2a3b4c5d6e7f"]))
      const failure = Exit.findErrorOption(exit)
      assert.isTrue(Option.isSome(failure) && failure.value instanceof CliFailure && failure.value.exitCode === 3)
    }).pipe(Effect.provide([ApiKeys.layerMemory, NodeServices.layer])),
  )

  it.effect("says nothing of somebody's key for a token that only bears its key id", () =>
    Effect.gen(function* () {
      const apiKeys = yield* ApiKeys.ApiKeys
      const { apiKey } = yield* apiKeys.create({ name: "somebody's" })
      const folder = mkdtempSync(join(tmpdir(), "effect-api-key-scan-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true })))
      const text = `ak-${apiKey.keyId}-${"a".repeat(58)}`
      writeFileSync(join(folder, "a"), text + ApiKeyToken.checksum(text))
      yield* Effect.exit(run(["api-keys", "scan", folder, "--check", "--json"]))
      const find = Schema.decodeUnknownSync(Json.Find)(JSON.parse(String((yield* TestConsole.logLines)[0])))
      assert.deepInclude(find, { keyId: apiKey.keyId, status: "unknown", apiKey: null })
    }).pipe(Effect.provide([ApiKeys.layerMemory, NodeServices.layer])),
  )
})

describe("times as people write them", () => {
  const durations = {
    "30d": 2_592_000,
    "12h": 43_200,
    "1d12h": 129_600,
    "90 minutes": 5_400,
    "2 weeks": 1_209_600,
    "1y": 31_536_000,
    "0": 0,
    "5s": 5,
    "2H 3 Minutes": 7_380,
  }
  for (const [text, seconds] of Object.entries(durations)) {
    it(text, () => assert.deepStrictEqual(Option.map(parseDuration(text), Duration.toSeconds), Option.some(seconds)))
  }
  const instants = {
    "2027-01-31": "2027-01-31T00:00:00.000Z",
    "2027-01-31T12:30": "2027-01-31T12:30:00.000Z",
    "2027-01-31 12:30:15+02:00": "2027-01-31T10:30:15.000Z",
    "2028-02-29T00:00Z": "2028-02-29T00:00:00.000Z",
  }
  for (const [text, iso] of Object.entries(instants)) {
    it(text, () => assert.deepStrictEqual(Option.map(parseInstant(text), DateTime.formatIso), Option.some(iso)))
  }
  for (const text of [
    "",
    "soon",
    "2027-02-29",
    "2027-13-01",
    "31.01.2027",
    "2027-01-31T25:00",
    "-3d",
    "3",
    "3 parsecs",
    "1e9d",
    "999999999y",
    "6M",
    "1y 6 M",
  ]) {
    it(`not ${JSON.stringify(text)}`, () => assert.isTrue(Option.isNone(parseInstant(text)) && Option.isNone(parseDuration(text))))
  }
})
