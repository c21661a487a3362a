/** The ring of sealing keys: how it is configured and loaded again, and which keys a service seals by. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Logger, Redacted } from "effect"
import { TestClock } from "effect/testing"
import type { ApiKeyId } from "../src/ApiKey.ts"
import { ApiKeyHasher } from "../src/ApiKeyHasher.ts"
import { ApiKeyRepository, layerMemory } from "../src/ApiKeyRepository.ts"
import { ApiKeySeals } from "../src/ApiKeySeals.ts"
import * as ApiKeys from "../src/ApiKeys.ts"
import * as ApiKeyToken from "../src/ApiKeyToken.ts"
import * as Hmac from "../src/hasher/Hmac.ts"
import * as Pepper from "../src/hasher/Pepper.ts"
import * as Seals from "../src/hasher/Seals.ts"
import { combine } from "../src/internal/keys/sealing.ts"
import { sealedBy, sealOf } from "../src/internal/token/seal.ts"
import { settled } from "./support/nodes.ts"
import { fieldsOf } from "./support/errors.ts"

const directory = mkdtempSync(join(tmpdir(), "effect-api-key-"))
afterAll(() => rmSync(directory, { recursive: true }))
let files = 0
const file = (text: string | Uint8Array) => {
  const path = join(directory, `seals-${files++}`)
  writeFileSync(path, text)
  return path
}
const inEnv = (env: Record<string, string>) => Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))

const collectLogs = () => {
  const lines: Array<string> = []
  return [lines, Logger.layer([Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))])] as const
}

const keyOf = (id: string): Seals.SealKey => ({ id, value: Redacted.make(`the value of sealing key <${id}>`) })
const ringOf = (current: string, ...older: ReadonlyArray<string>): Seals.SealRing => ({ current: keyOf(current), older: older.map(keyOf) })
const pepperOf = (id: string): Pepper.Pepper => ({ id, value: Redacted.make(`the value of pepper <${id}>`) })
const hasher = Hmac.layerPeppers.pipe(Layer.provide(Pepper.layerRing({ current: pepperOf("p"), older: [pepperOf("q")] })))

/** Of the right form and checksum. */
const invented = `ak-0123456789abcdef-${"x".repeat(58)}${ApiKeyToken.checksum(`ak-0123456789abcdef-${"x".repeat(58)}`)}`

const sealIdOf = (id: ApiKeyId) =>
  ApiKeyRepository.use(({ findById }) =>
    Effect.flatMap(findById(id), (found) => Effect.map(Effect.fromOption(found), ({ sealId }) => sealId)),
  )

const create = Effect.gen(function* () {
  const { apiKey } = yield* ApiKeys.ApiKeys.use((apiKeys) => apiKeys.create({ name: "k" }))
  return (yield* sealIdOf(apiKey.id)) ?? ""
})

describe("the configuration of the ring", () => {
  const [x, y, z] = ["x:value,of_x=aaaaaaaaaaa", "y-value-of-y-aaaaaaaaaaa", "z#value of z aaaaaaaaaaa"] as const

  it.effect("is a list or a file, or nothing", () =>
    Effect.gen(function* () {
      for (const [env, expected] of [
        [{}, undefined],
        [{ API_KEY_PEPPER: x }, undefined],
        [{ API_KEY_SEALS: `2026a:${y}` }, [["2026a", y]]],
        [
          { API_KEY_SEALS: ` 2026b : ${y} , 2026a:a:b${z}` },
          [
            ["2026b", y],
            ["2026a", `a:b${z}`],
          ],
        ],
        [
          { API_KEY_SEALS_FILE: file(`\uFEFF# the keys\r\n\r\n2026b:${x}\r\n  2026a:${z} \n#old:${y}`) },
          [
            ["2026b", x],
            ["2026a", z],
          ],
        ],
      ] as const) {
        const ring = yield* Seals.loadConfig.pipe(inEnv(env))
        const plain = ring && [ring.current, ...ring.older].map(({ id, value }) => [id, Redacted.value(value)])
        assert.deepStrictEqual(
          plain,
          expected?.map(([id, value]) => [id, value]),
        )
        const keys = yield* ApiKeySeals.use((seals) => seals.keys).pipe(Effect.provide(Seals.layerConfig, { local: true }), inEnv(env))
        assert.deepStrictEqual(keys === undefined, expected === undefined)
      }
    }),
  )

  it.effect("refuses what it doesn't understand, and shows none of it", () =>
    Effect.gen(function* () {
      const invalid = (reason: Seals.InvalidSeals["reason"], position?: number, actualBytes?: number) =>
        new Seals.InvalidSeals({ reason, ...(position !== undefined && { position }), ...(actualBytes !== undefined && { actualBytes }) })
      const unavailable = (code: string) => new Seals.SealsUnavailable({ reason: `the file in API_KEY_SEALS_FILE (${code})` })
      const faults: ReadonlyArray<readonly [Record<string, string>, Seals.InvalidSeals | Seals.SealsUnavailable]> = [
        [{ API_KEY_SEALS: y }, invalid("Malformed", 1)],
        [{ API_KEY_SEALS: "built-in" }, invalid("Malformed", 1)],
        [{ API_KEY_SEALS: `:${y}` }, invalid("Malformed", 1)],
        [{ API_KEY_SEALS: `a:${y},` }, invalid("Malformed", 2)],
        [{ API_KEY_SEALS: `${z}:a` }, invalid("InvalidId", 1)],
        [{ API_KEY_SEALS: `~a:${y}` }, invalid("InvalidId", 1)],
        // Written the wrong way round.
        [{ API_KEY_SEALS: `${y}:2026a` }, invalid("TooShort", 1, 5)],
        [{ API_KEY_SEALS: `a:${y},b:short` }, invalid("TooShort", 2, 5)],
        [{ API_KEY_SEALS: `a:${y},a:${z}` }, invalid("DuplicateId", 2)],
        [{ API_KEY_SEALS: `a:${y},b:${y}` }, invalid("DuplicateValue", 2)],
        [{ API_KEY_SEALS_FILE: file("# nothing\n") }, invalid("Empty")],
        [{ API_KEY_SEALS: `a:${y}`, API_KEY_SEALS_FILE: file(`a:${y}`) }, invalid("TwoSources")],
        [{ API_KEY_SEALS_FILE: `a:${y}` }, unavailable("ENOENT")],
        [{ API_KEY_SEALS_FILE: directory }, unavailable("EISDIR")],
        [{ API_KEY_SEALS_FILE: file(Buffer.concat([Buffer.from(`a:${y}`), Buffer.from([0xe9])])) }, unavailable("not UTF-8")],
      ]
      for (const [env, expected] of faults) {
        const error = yield* Effect.flip(Seals.loadConfig).pipe(inEnv(env))
        assert.deepStrictEqual(error, expected)
        for (const name of Object.keys(env)) assert.include(error.message, name)
        assert.notInclude(inspect(error, { depth: null, showHidden: true }), y)
        assert.notInclude(error.message, z)
      }
    }),
  )

  it.effect("in code is held to the same", () =>
    Effect.gen(function* () {
      const bad = { current: keyOf("a"), older: [{ ...keyOf("b"), id: "" }] }
      const build = (ring: Seals.SealRing) => Layer.build(Seals.layerRing(ring)).pipe(Effect.scoped)
      const refused = yield* Effect.flip(build(bad))
      assert.deepStrictEqual(fieldsOf(refused), fieldsOf(new Seals.InvalidSeals({ reason: "InvalidId", position: 2 })))
      yield* build(ringOf("a", "b"))
      yield* Seals.reload.pipe(Effect.provide(Seals.layerRing(ringOf("a"))))
    }),
  )
})

describe("a ring of sealing keys", () => {
  const layerOf = <E>(seals: Layer.Layer<ApiKeySeals, E>) =>
    ApiKeys.layer.pipe(Layer.provide(hasher), Layer.provideMerge(seals), Layer.provideMerge(Layer.fresh(layerMemory)))

  it.effect("seals new tokens by its current key", () =>
    Effect.gen(function* () {
      assert.match(yield* create, /^b\.[0-9a-f]{16}$/)
    }).pipe(Effect.provide(layerOf(Seals.layerRing(ringOf("b", "a"))))),
  )

  it.effect("that isn't configured leaves it to the peppers", () =>
    Effect.gen(function* () {
      assert.match(yield* create, /^~p\.[0-9a-f]{16}$/)
    }).pipe(Effect.provide(layerOf(Seals.layerConfig)), inEnv({})),
  )

  it.effect("stands before the keys of the peppers, whose seals stay good, and is joined with them once", () =>
    Effect.gen(function* () {
      const { sealingKeys = Effect.die("none") } = yield* ApiKeyHasher
      const derived = yield* sealingKeys
      let ring = yield* ApiKeySeals.use((seals) => seals.keys).pipe(Effect.provide(Seals.layerRing(ringOf("b", "a"))))
      let other = ring
      const combined = (yield* combine({ keys: Effect.sync(() => ring) }, { sealingKeys })) ?? Effect.die("none")
      const keys = yield* combined
      const labels = [keys.current, ...keys.older].map(({ id }) => id.replace(/\..*/, ""))
      assert.deepStrictEqual(labels, ["b", "a", "~p", "~q"])
      for (const key of [keys.current, ...keys.older]) assert.strictEqual(sealedBy("text", sealOf("text", key), keys), key.id)
      assert.strictEqual(yield* combined, keys)
      ring = undefined
      assert.strictEqual(yield* combined, derived)
      assert.isUndefined(yield* combine(undefined, {}))
      assert.isUndefined(yield* combine({ keys: Effect.undefined }, {}))
      // Without keys of peppers a ring stays when it is taken away.
      const alone = (yield* combine({ keys: Effect.sync(() => other) }, {})) ?? Effect.die("none")
      const taken = yield* alone
      other = undefined
      assert.strictEqual(yield* alone, taken)
    }).pipe(Effect.provide(hasher)),
  )

  it.effect("makes seals of the built-in pepper good for nothing", () =>
    Effect.gen(function* () {
      const { sealingKeys = Effect.die("none") } = yield* ApiKeyHasher
      const { current } = yield* sealingKeys
      const keys = yield* (yield* combine(yield* ApiKeySeals, { sealingKeys })) ?? Effect.die("none")
      assert.isUndefined(sealedBy("text", sealOf("text", current), keys))
    }).pipe(Effect.provide([Hmac.layer(), Seals.layerRing(ringOf("a"))])),
  )

  it.effect("follows a file that changes, and warns where that can't be read", () => {
    const path = file("a:the value of a, and random")
    const [lines, logger] = collectLogs()
    return Effect.gen(function* () {
      const seals = yield* ApiKeySeals
      const first = yield* seals.keys
      assert.match(yield* create, /^a\./)
      yield* TestClock.adjust("1 minute")
      yield* Seals.reload
      // The same keys are the same object.
      assert.strictEqual(yield* seals.keys, first)
      writeFileSync(path, "b:the value of b, and random\na:the value of a, and random\n")
      yield* Seals.reload
      assert.match(yield* create, /^b\./)
      writeFileSync(path, "secret-secret-secret:c")
      yield* Seals.reload
      assert.match(yield* create, /^b\./)
      assert.lengthOf(lines, 1)
      assert.match(lines[0]!, /^Warn The sealing keys couldn't be loaded again.*has 1 bytes/)
      assert.notInclude(lines[0], "secret")
    }).pipe(
      Effect.provide(layerOf(Seals.layerReloading({ load: Seals.loadConfig, every: "1 minute" }))),
      inEnv({ API_KEY_SEALS_FILE: path }),
      Effect.provide(logger),
    )
  })

  it.effect("that is added later, or takes the value of a pepper that goes, keeps all tokens sealed", () =>
    Effect.gen(function* () {
      const repository = Layer.succeed(ApiKeyRepository, yield* ApiKeyRepository)
      /** How a token that was issued before ends, and one that is made up. */
      const ask = <E>(peppers: Pepper.PepperRing, seals: Layer.Layer<ApiKeySeals, E>, token: Redacted.Redacted | undefined) =>
        Effect.gen(function* () {
          const apiKeys = yield* ApiKeys.ApiKeys
          const known = token ?? (yield* apiKeys.create({ name: "k" })).token
          yield* TestClock.adjust("2 seconds")
          yield* settled
          const outcome = (text: string | Redacted.Redacted) =>
            Effect.match(apiKeys.verify(text), {
              onSuccess: () => "good",
              onFailure: (error) => (error._tag === "MalformedToken" ? error.reason : error._tag),
            })
          const outcomes = [yield* outcome(known), yield* outcome(invented)]
          yield* settled
          return { token: known, outcomes }
        }).pipe(
          Effect.provide(
            ApiKeys.layer.pipe(Layer.provide([Hmac.layerPeppers.pipe(Layer.provide(Pepper.layerRing(peppers))), seals, repository])),
            { local: true },
          ),
        )
      const none = Layer.succeed(ApiKeySeals, { keys: Effect.undefined })
      const [p, q] = [pepperOf("p"), pepperOf("q")]
      const { token, outcomes } = yield* ask({ current: p, older: [] }, none, undefined)
      assert.deepStrictEqual(outcomes, ["good", "seal"])
      const later = yield* ask({ current: p, older: [] }, Seals.layerRing(ringOf("a")), token)
      assert.deepStrictEqual(later.outcomes, ["good", "seal"])
      // Its hash is made anew.
      const both = yield* ask({ current: q, older: [p] }, Seals.layerRing(ringOf("a")), token)
      assert.deepStrictEqual(both.outcomes, ["good", "seal"])
      const moved = yield* ask(
        { current: q, older: [] },
        Seals.layerRing({ current: keyOf("a"), older: [{ id: "of-p", value: p.value }] }),
        token,
      )
      assert.deepStrictEqual(moved.outcomes, ["good", "seal"])
      // Without its sealing key the token works on, and an invented one is looked up like it.
      const lost = yield* ask({ current: q, older: [] }, Seals.layerRing(ringOf("a")), token)
      assert.deepStrictEqual(lost.outcomes, ["good", "NotFound"])
    }).pipe(Effect.provide(Layer.fresh(layerMemory))),
  )

  it.effect("shows nothing of itself", () =>
    Effect.gen(function* () {
      const seals = yield* ApiKeySeals
      const shown = inspect([seals, yield* seals.keys], { depth: null, showHidden: true })
      assert.notInclude(shown, Redacted.value(keyOf("a").value))
    }).pipe(Effect.provide(Seals.layerRing(ringOf("a")))),
  )
})
