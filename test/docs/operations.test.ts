/** The table of operations is that of the code: a new member, endpoint or command has a row, and a row is about one. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { FetchHttpClient } from "effect/http"
import { HttpApi, type HttpApiGroup } from "effect/http-api"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { ApiKeysApi, LeaksApi } from "../../src/http/definition.ts"
import * as ApiKeysClient from "../../src/http/client.ts"
import { standalone } from "../../src/internal/cli/standalone.ts"

const text = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8")

const rows = text
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| ---") && !line.startsWith("| `ApiKeys`"))
  .map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  )

/** What a cell names, unless it says why it is empty. */
const namedIn = (cell: string): ReadonlyArray<string> =>
  cell.startsWith("—") ? [] : Array.from(cell.matchAll(/`([^`]+)`/g), ([, name = ""]) => name.replace(/\?.*/, ""))

const column = (index: number): ReadonlyArray<string> => rows.flatMap((cells) => namedIn(cells[index] ?? ""))

const endpointsOf = <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>,
): ReadonlyArray<string> => {
  const found: Array<string> = []
  HttpApi.reflect(api, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint: { method, path } }) =>
      void found.push(`${method} ${path.replace(/:(\w+)/g, "{$1}").replace(/(?<=.)\/$/, "")}`),
  })
  return found
}

describe("the table of operations", () => {
  it("has three columns, and says why a cell is empty", () => {
    for (const cells of rows) {
      assert.lengthOf(cells, 3, cells.join(" | "))
      for (const cell of cells) assert.isTrue(namedIn(cell).length > 0 || /^— \S/.test(cell), cells.join(" | "))
    }
  })

  it.effect("has a row for each member of the service, here and over HTTP", () =>
    Effect.gen(function* () {
      const local = Object.keys(yield* ApiKeys.ApiKeys).sort()
      assert.deepStrictEqual(column(0).toSorted(), local)
      const remote = yield* ApiKeysClient.make({ url: "http://localhost", token: Redacted.make("x") })
      assert.deepStrictEqual(Object.keys(remote).sort(), local)
    }).pipe(Effect.provide([ApiKeys.layerMemory, FetchHttpClient.layer])),
  )

  it("names each endpoint of the groups, and no other", () => {
    assert.deepStrictEqual(Array.from(new Set(column(1))).sort(), [...endpointsOf(ApiKeysApi), ...endpointsOf(LeaksApi)].sort())
  })

  it("names each command, and no other", () => {
    const commands = standalone.subcommands.flatMap(({ commands }) => commands.map(({ name }) => name))
    assert.deepStrictEqual(Array.from(new Set(column(2))).sort(), commands.toSorted())
  })
})
