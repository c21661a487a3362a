/** The folder of the embedded database: what is opened, what is refused, and that nothing is made anew over what was there. */
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import { examine } from "../../src/internal/cli/doctor.ts"
import { findPepper, readOrMakePepper } from "../../src/internal/wiring/embedded.ts"
import * as DataDir from "../../src/internal/sql/dataDir.ts"
import * as Pglite from "../../src/sql/Pglite.ts"
import { makeStoredApiKey } from "../../src/testing.ts"

const place = mkdtempSync(join(tmpdir(), "effect-api-key-folder-"))
afterAll(() => rmSync(place, { recursive: true, force: true }))

const withKeys = <A, E>(dataDir: string, use: Effect.Effect<A, E, ApiKeyRepository>) =>
  Effect.provide(use, Layer.fresh(Pglite.layerPglite({ dataDir })), { local: true })
const count = (dataDir: string) =>
  withKeys(
    dataDir,
    ApiKeyRepository.use((repository) => repository.count({})),
  )
const refusal = (dataDir: string) => Effect.flip(Effect.scoped(Layer.build(Pglite.layer({ dataDir }))))
const doctor = (dataDir: string) =>
  examine.pipe(
    Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ API_KEY_DATA_DIR: dataDir }))),
    Effect.map((findings) => findings.filter(({ check, level }) => check === "database" && level === "error")),
  )

/** Every file, with its size and when it was written. */
const filesOf = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((file) => [file, statSync(join(folder, file))] as const)
    .filter(([, status]) => status.isFile())
    .map(([file, { size, mtimeMs }]) => `${file} ${size} ${mtimeMs}`)
    .sort()

const template = join(place, "template")
const tables = { api_keys: "", effect_api_key_migrations: "" }
beforeAll(() =>
  Effect.runPromise(
    Effect.gen(function* () {
      // As the server does it.
      yield* readOrMakePepper(template)
      const many = Array.from({ length: 40 }, () => makeStoredApiKey({ description: "x".repeat(1_000) }))
      yield* withKeys(
        template,
        ApiKeyRepository.use((repository) => Effect.forEach(many, (key) => repository.insert(key))),
      )
      const files = Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        for (const table of ["api_keys", "effect_api_key_migrations"] as const) {
          const [row] = yield* sql<{ file: string }>`SELECT pg_relation_filepath(${table}) AS file`
          tables[table] = row?.file ?? ""
        }
      })
      yield* Effect.provide(files, Layer.fresh(Pglite.layer({ dataDir: template })), { local: true })
    }),
  ),
)

let number = 0
const copy = (): string => {
  const dataDir = join(place, `copy${number++}`)
  cpSync(template, dataDir, { recursive: true, preserveTimestamps: true })
  return dataDir
}

describe("a folder", () => {
  it.live("that is new is made for its user alone, and so is what is in it", () =>
    Effect.gen(function* () {
      const mode = (...path: ReadonlyArray<string>) => statSync(join(template, ...path)).mode & 0o777
      assert.deepStrictEqual([mode(), mode("pgdata"), mode("lock.sqlite"), mode("pepper")], [0o700, 0o700, 0o600, 0o600])
      assert.deepStrictEqual(readdirSync(template).sort(), ["lock.sqlite", "pepper", "pgdata"])
      assert.strictEqual(yield* count(template), 40)
    }),
  )

  it.live("that was there and is empty keeps its mode", () =>
    Effect.gen(function* () {
      const dataDir = join(place, "empty")
      mkdirSync(dataDir)
      chmodSync(dataDir, 0o755)
      yield* readOrMakePepper(dataDir)
      assert.strictEqual(yield* count(dataDir), 0)
      assert.strictEqual(statSync(dataDir).mode & 0o777, 0o755)
      assert.strictEqual(statSync(join(dataDir, "pgdata")).mode & 0o777, 0o700)
      // Opened again, it has what it had.
      yield* withKeys(
        dataDir,
        ApiKeyRepository.use((repository) => repository.insert(makeStoredApiKey())),
      )
      chmodSync(join(dataDir, "pgdata"), 0o755)
      assert.strictEqual(yield* count(dataDir), 1)
      assert.deepStrictEqual([statSync(dataDir).mode & 0o777, statSync(join(dataDir, "pgdata")).mode & 0o777], [0o755, 0o700])
    }),
  )

  it.live("in which others could exchange the database is warned of, and used", () =>
    Effect.gen(function* () {
      const dataDir = copy()
      assert.isUndefined(yield* DataDir.othersMayWrite(dataDir))
      chmodSync(dataDir, 0o777)
      assert.include(yield* DataDir.othersMayWrite(dataDir), "may be written to by all users, who can exchange the database and its pepper")
      const findings = yield* examine.pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ API_KEY_DATA_DIR: dataDir }))))
      assert.deepStrictEqual(
        findings.filter(({ check, level }) => check === "database" && level !== "ok").map(({ level, advice }) => [level, advice]),
        [["warning", "Make the folder this user's own: chown and chmod 700"]],
      )
      assert.strictEqual(statSync(dataDir).mode & 0o777, 0o777)
      if (process.getuid?.() !== 0) return
      chmodSync(dataDir, 0o700)
      chownSync(dataDir, 12_345, 12_345)
      assert.include(yield* DataDir.othersMayWrite(dataDir), "belongs to another user (12345)")
    }),
  )

  it.live("of others is left as it is", () =>
    Effect.gen(function* () {
      for (const [name, entries] of [
        ["files", ["notes.txt"]],
        // A pepper of somebody's.
        ["kitchen", ["notes.txt", "pepper"]],
        ["cluster", ["notes.txt", "pgdata/PG_VERSION"]],
        ["mount", ["lost+found/x"]],
      ] as const) {
        const dataDir = join(place, name)
        for (const entry of entries) {
          mkdirSync(join(dataDir, entry, ".."), { recursive: true })
          writeFileSync(join(dataDir, entry), "theirs, and long enough for a pepper")
        }
        chmodSync(dataDir, 0o1777)
        const before = filesOf(dataDir)
        const errors = [yield* refusal(dataDir), yield* Effect.flip(readOrMakePepper(dataDir)), yield* Effect.flip(findPepper(dataDir))]
        for (const error of errors) {
          assert.strictEqual(error._tag, "ForeignDataDir")
          assert.include(error.message, `The folder ${dataDir} (API_KEY_DATA_DIR, or the option dataDir) holds other files (`)
          assert.include(error.message, "name a folder that is new or empty")
        }
        const [finding, ...more] = yield* doctor(dataDir)
        assert.deepStrictEqual(more, [])
        assert.include(finding?.message, "holds other files")
        assert.match(finding?.advice ?? "", /^Name a folder/)
        assert.deepStrictEqual(filesOf(dataDir), before)
        assert.strictEqual(statSync(dataDir).mode & 0o7777, 0o1777)
      }
    }),
  )

  it.live("in which the making of a database was interrupted is begun anew", () =>
    Effect.gen(function* () {
      const dataDir = copy()
      // Whatever was made of it: half of the files, which would pass for a database.
      cpSync(join(dataDir, "pgdata"), join(dataDir, "pgdata.new"), { recursive: true })
      rmSync(join(dataDir, "pgdata.new/base"), { recursive: true })
      rmSync(join(dataDir, "pgdata"), { recursive: true })
      const pepper = readFileSync(join(dataDir, "pepper"), "utf8")
      assert.strictEqual(yield* count(dataDir), 0)
      assert.strictEqual(Redacted.value(yield* readOrMakePepper(dataDir)), pepper)
      assert.deepStrictEqual(readdirSync(dataDir).sort(), ["lock.sqlite", "pepper", "pgdata"])
    }),
  )

  it.live("with a database that is whole isn't begun anew, whatever else is left of a making", () =>
    Effect.gen(function* () {
      const dataDir = copy()
      mkdirSync(join(dataDir, "pgdata.new"))
      assert.strictEqual(yield* count(dataDir), 40)
      assert.notInclude(readdirSync(dataDir), "pgdata.new")
    }),
  )

  it.live("is refused where the operating system refuses it", () =>
    Effect.gen(function* () {
      const file = join(place, "file")
      writeFileSync(file, "")
      for (const dataDir of [file, "/dev/null/data"]) {
        const error = yield* refusal(dataDir)
        assert.strictEqual(error._tag, "DataDirUnusable")
        assert.include(error.message, `The folder ${dataDir} (API_KEY_DATA_DIR, or the option dataDir) can't be used (ENOTDIR`)
      }
      const dataDir = copy()
      writeFileSync(join(dataDir, "lock.sqlite"), "no database of SQLite's, but a text".repeat(10))
      assert.include((yield* refusal(dataDir)).message, "lock.sqlite: file is not a database")
    }),
  )
})

describe("a damaged database", () => {
  const cases: ReadonlyArray<readonly [what: string, damage: (dataDir: string) => void, reason: string]> = [
    ["without PG_VERSION", (dataDir) => rmSync(join(dataDir, "pgdata/PG_VERSION")), "the file pgdata/PG_VERSION is missing"],
    ["with an empty PG_VERSION", (dataDir) => truncateSync(join(dataDir, "pgdata/PG_VERSION")), "pgdata/PG_VERSION holds no version"],
    ["without its folder", (dataDir) => rmSync(join(dataDir, "pgdata"), { recursive: true }), "pgdata, which holds it, is missing"],
    [
      "whose folder is empty",
      (dataDir) => {
        rmSync(join(dataDir, "pgdata"), { recursive: true })
        mkdirSync(join(dataDir, "pgdata"))
      },
      "the folder pgdata is empty",
    ],
    ["without pg_control", (dataDir) => rmSync(join(dataDir, "pgdata/global/pg_control")), "global/pg_control is missing"],
    ["with a short pg_control", (dataDir) => truncateSync(join(dataDir, "pgdata/global/pg_control"), 100), "has 100 bytes, not 8192"],
    ["without its log", (dataDir) => rmSync(join(dataDir, "pgdata/pg_wal"), { recursive: true }), "the folder pgdata/pg_wal is missing"],
    [
      "with a pg_control of noughts",
      (dataDir) => writeFileSync(join(dataDir, "pgdata/global/pg_control"), Buffer.alloc(8192)),
      "PostgreSQL can't start on its files",
    ],
    ["whose list of tables is cut", (dataDir) => truncateSync(join(dataDir, "pgdata/base/5/1259")), "PostgreSQL can't start on its files"],
    ["whose keys are cut off", (dataDir) => truncateSync(join(dataDir, "pgdata", tables.api_keys)), "could not read block"],
    ["whose last keys are cut off", (dataDir) => truncateSync(join(dataDir, "pgdata", tables.api_keys), 8192), "could not read block"],
    [
      "whose list of migrations is cut off",
      (dataDir) => truncateSync(join(dataDir, "pgdata", tables.effect_api_key_migrations)),
      "could not read block",
    ],
    ["without the file of its keys", (dataDir) => rmSync(join(dataDir, "pgdata", tables.api_keys)), "could not open file"],
  ]

  for (const [what, damage, reason] of cases) {
    it.live(`${what} is refused, told of, and left as it is`, () =>
      Effect.gen(function* () {
        const dataDir = copy()
        damage(dataDir)
        const damaged = readdirSync(dataDir).sort()
        for (const error of [yield* refusal(dataDir), yield* refusal(dataDir)]) {
          assert.strictEqual(error._tag, "DamagedDataDir")
          assert.include(error.message, `The embedded database in ${dataDir} (API_KEY_DATA_DIR, or the option dataDir) is damaged: `)
          assert.include(error.message, reason)
          assert.include(error.message, "restore the folder from its last backup (docs/guides/backup.md)")
          assert.notInclude(error.message, "ASSERTIONS")
        }
        assert.deepStrictEqual(readdirSync(dataDir).sort(), damaged)
        const [finding] = yield* doctor(dataDir)
        assert.include(finding?.message, reason)
        assert.include(finding?.advice, "Nothing was changed; restore the folder")
      }),
    )
  }

  it.live("whose rows in between are lost is found by doctor", () =>
    Effect.gen(function* () {
      const dataDir = copy()
      // The last row moves to the first page, so that both ends are there.
      const move = Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`DELETE FROM api_keys WHERE id IN (SELECT id FROM api_keys ORDER BY id OFFSET 1 LIMIT 3)`
        yield* sql`VACUUM api_keys`
        yield* sql`UPDATE api_keys SET version = version + 1 WHERE id = (SELECT id FROM api_keys ORDER BY id DESC LIMIT 1)`
        yield* sql`CHECKPOINT`
      })
      yield* Effect.provide(move, Layer.fresh(Pglite.layer({ dataDir })), { local: true })
      truncateSync(join(dataDir, "pgdata", tables.api_keys), 8192)
      const [finding, ...more] = yield* doctor(dataDir)
      assert.deepStrictEqual(more, [])
      assert.include(finding?.message, "is damaged: could not read block")
      assert.include(finding?.advice, "Nothing was changed; restore the folder")
    }),
  )

  it.live("of another version of PostgreSQL is told of as such", () =>
    Effect.gen(function* () {
      const dataDir = copy()
      writeFileSync(join(dataDir, "pgdata/PG_VERSION"), "19\n")
      const error = yield* refusal(dataDir)
      assert.deepInclude(error, { _tag: "DamagedDataDir", otherVersion: "19" })
      assert.include(error.message, "can't be opened: it is of PostgreSQL 19, and this version of @electric-sql/pglite reads 18")
      assert.include(error.message, "export and import")
      // The version in the message is the one there is.
      const [row] = yield* SqlClient.SqlClient.use((sql) => sql<{ version: string }>`SHOW server_version`).pipe(
        Effect.provide(Layer.fresh(Pglite.layer()), { local: true }),
      )
      assert.match(Object.values(row ?? {}).join(), new RegExp(`^${DataDir.pgliteMajor}\\.`))
    }),
  )
})
