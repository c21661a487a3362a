/**
 * The folder of the embedded database: its owner, its state, and the files in it. The module is apart from `Pglite.ts`, so that a look at the
 * folder doesn't load PGlite.
 *
 * A database is made in `pgdata.new` and renamed to `pgdata` once it is whole. A folder with `pgdata.new` alone never held a key; one of ours
 * with neither has lost its database (decision 0039).
 */
import { mkdir, open, readdir, readFile, rm, rmdir, stat } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { safeLine } from "../text/safe.ts"

const nameOf = (dataDir: string): string => `${safeLine(dataDir)} (API_KEY_DATA_DIR, or the option dataDir)`

/** The folder holds files, and none of them is of an embedded database. The folder was left unchanged. @category errors @since 0.1.0 */
export class ForeignDataDir extends Schema.TaggedError<ForeignDataDir>()("ForeignDataDir", {
  dataDir: Schema.String,
  /** The names of up to three files. */
  entries: Schema.Array(Schema.String),
}) {
  get found(): string {
    return `The folder ${nameOf(this.dataDir)} holds other files (${this.entries.map(safeLine).join(", ")}) and no embedded database`
  }
  get advice(): string {
    return "name a folder that is new or empty, such as one within it"
  }
  override get message(): string {
    return `${this.found}: ${this.advice}`
  }
}

/** The embedded database isn't whole, or is of another version of PostgreSQL. No database was made anew. @category errors @since 0.1.0 */
export class DamagedDataDir extends Schema.TaggedError<DamagedDataDir>()("DamagedDataDir", {
  dataDir: Schema.String,
  /** The damage, in words for the operator. */
  reason: Schema.String,
  /** The version in `PG_VERSION`, where it isn't the one that this version of PGlite reads. */
  otherVersion: Schema.optionalKey(Schema.String),
}) {
  get found(): string {
    return `The embedded database in ${nameOf(this.dataDir)} ${this.otherVersion === undefined ? "is damaged" : "can't be opened"}: ${this.reason}`
  }
  get advice(): string {
    return this.otherVersion === undefined
      ? "nothing was changed; restore the folder from its last backup (docs/guides/backup.md), or move it away to begin anew without its keys"
      : "nothing was changed; open it with the version of @electric-sql/pglite that made it, and move its keys by export and import (docs/guides/backup.md)"
  }
  override get message(): string {
    return `${this.found}: ${this.advice}`
  }
}

/** The operating system refuses an operation in the folder. @category errors @since 0.1.0 */
export class DataDirUnusable extends Schema.TaggedError<DataDirUnusable>()("DataDirUnusable", {
  dataDir: Schema.String,
  /** The operating system's message. */
  reason: Schema.String,
}) {
  get found(): string {
    return `The folder ${nameOf(this.dataDir)} can't be used (${safeLine(this.reason)})`
  }
  get advice(): string {
    return "see that its path is right, that this user may read and write in it, and that the disk isn't full"
  }
  override get message(): string {
    return `${this.found}: ${this.advice}`
  }
}

/** @category errors @since 0.1.0 */
export type DataDirProblem = ForeignDataDir | DamagedDataDir | DataDirUnusable

/** `empty`: without files, or missing. `unfinished`: a database was begun, and no key was kept. `present`: with a whole database. */
export type DataDirState = "empty" | "unfinished" | "present"

export const database = (dataDir: string): string => join(dataDir, "pgdata")
export const draft = (dataDir: string): string => join(dataDir, "pgdata.new")
export const lockFile = (dataDir: string): string => join(dataDir, "lock.sqlite")
export const pepperFile = (dataDir: string): string => join(dataDir, "pepper")

/** Looks at the folder, and changes nothing. */
export const look = (dataDir: string): Effect.Effect<DataDirState, DataDirProblem> =>
  Effect.gen(function* () {
    const entries = yield* attempt(dataDir, () => readdir(dataDir).catch(unlessMissing<ReadonlyArray<string>>([])))
    if (entries.length === 0) return "empty"
    const hasDatabase = entries.includes("pgdata")
    if (!hasDatabase && entries.includes("pgdata.new")) return "unfinished"
    const others = entries.filter((entry) => !/^(?:pgdata(?:\.new)?|lock\.sqlite(?:-journal)?|pepper(?:\.[0-9a-f-]{36})?)$/.test(entry))
    // A file named `pepper` may be another program's, so the file counts only beside a database.
    const isOurs = entries.includes("lock.sqlite") || (hasDatabase && entries.includes("pepper"))
    if (others.length > 0 && !isOurs) {
      return yield* new ForeignDataDir({ dataDir, entries: others.slice(0, 3) })
    }
    if (!hasDatabase) return yield* new DamagedDataDir({ dataDir, reason: "pgdata, which holds it, is missing" })
    yield* checkFiles(dataDir)
    return "present"
  })

/** Checks the files that PostgreSQL needs and that PGlite would make again, or miss without a message. */
const checkFiles = Effect.fnUntraced(function* (dataDir: string) {
  const damaged = (reason: string) => new DamagedDataDir({ dataDir, reason })
  for (const folder of ["", "base", "global", "pg_wal", "pg_xact"]) {
    const files = yield* attempt(dataDir, () => readdir(join(database(dataDir), folder)).catch(unlessMissing(undefined)))
    const name = folder === "" ? "pgdata" : `pgdata/${folder}`
    if (files === undefined) return yield* damaged(`the folder ${name} is missing`)
    if (files.length === 0) return yield* damaged(`the folder ${name} is empty`)
  }
  const version = yield* attempt(dataDir, () => readFile(join(database(dataDir), "PG_VERSION"), "utf8").catch(unlessMissing(undefined)))
  if (version === undefined) return yield* damaged("the file pgdata/PG_VERSION is missing")
  if (!/^\d{1,3}\s*$/.test(version)) return yield* damaged("the file pgdata/PG_VERSION holds no version")
  const control = yield* attempt(dataDir, () => stat(join(database(dataDir), "global/pg_control")).catch(unlessMissing(undefined)))
  if (control === undefined) return yield* damaged("the file pgdata/global/pg_control is missing")
  if (control.size !== controlBytes) {
    return yield* damaged(`the file pgdata/global/pg_control has ${control.size} bytes, not ${controlBytes}`)
  }
})

/** PostgreSQL's `PG_CONTROL_FILE_SIZE`. */
const controlBytes = 8192

/** The major version of PostgreSQL in this version of PGlite. The message about a database that can't be opened names the version. */
export const pgliteMajor = "18"

/** The error for a database that looks whole and that PGlite can't open. */
export const explainUnopened = (dataDir: string, message: string): Effect.Effect<DamagedDataDir> =>
  Effect.promise(() => readFile(join(database(dataDir), "PG_VERSION"), "utf8").catch(() => "")).pipe(
    Effect.map((text) => {
      const version = text.trim()
      return version === "" || version === pgliteMajor
        ? // PGlite's message about an exit only says how to debug its C code.
          new DamagedDataDir({
            dataDir,
            reason: `PostgreSQL can't start on its files${/-sASSERTIONS|initialize properly/.test(message) ? "" : ` (${safeLine(message)})`}`,
          })
        : new DamagedDataDir({
            dataDir,
            reason: `it is of PostgreSQL ${safeLine(version)}, and this version of @electric-sql/pglite reads ${pgliteMajor}`,
            otherVersion: version,
          })
    }),
  )

/**
 * Makes a missing folder, and begins a database in an empty folder. Files beside a begun database don't look foreign later. A folder that exists
 * keeps its mode.
 */
export const claim = (dataDir: string): Effect.Effect<DataDirState, DataDirProblem> =>
  Effect.flatMap(look(dataDir), (state) =>
    state !== "empty"
      ? Effect.succeed(state)
      : Effect.as(
          attempt(dataDir, async () => {
            await mkdir(dataDir, { recursive: true, mode: 0o700 })
            await mkdir(draft(dataDir), { mode: 0o700 }).catch(unless("EEXIST"))
            // Another process may have made the whole database meanwhile.
            if ((await readdir(dataDir)).includes("pgdata")) await rmdir(draft(dataDir)).catch(unless("ENOENT", "ENOTEMPTY"))
          }),
          "unfinished",
        ),
  )

/**
 * The warning for a folder in which other users could replace the database or its pepper. The folder isn't refused, as volumes of containers are
 * often open to all users.
 */
export const othersMayWrite = (dataDir: string): Effect.Effect<string | undefined> =>
  Effect.promise(() => stat(dataDir).catch(() => undefined)).pipe(
    Effect.map((status) => {
      const user = process.getuid?.()
      // Windows has no user ids.
      if (status === undefined || user === undefined) return undefined
      const isOthers = status.uid !== user && status.uid !== 0
      if (!isOthers && (status.mode & 0o002) === 0) return undefined
      return `The folder ${nameOf(dataDir)} ${isOthers ? `belongs to another user (${status.uid})` : "may be written to by all users"}, who can exchange the database and its pepper`
    }),
  )

/** Empties `pgdata.new` after a broken-off attempt. The folder stays, and marks the database as unfinished. */
export const clearDraft = (dataDir: string): Effect.Effect<void, DataDirUnusable> =>
  attempt(dataDir, async () => {
    await mkdir(draft(dataDir), { mode: 0o700 }).catch(unless("EEXIST"))
    for (const entry of await readdir(draft(dataDir))) await rm(join(draft(dataDir), entry), { recursive: true, force: true })
  })

export const attempt = <A>(dataDir: string, run: () => Promise<A>): Effect.Effect<A, DataDirUnusable> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new DataDirUnusable({ dataDir, reason: cause instanceof Error ? cause.message : String(cause) }),
  })

/** Makes the names in a folder outlive a power cut, except on Windows, which can't open a folder. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, "r").catch(unless("EISDIR", "EPERM", "EACCES"))
  if (handle === undefined) return
  await handle
    .sync()
    .catch(unless("EINVAL", "EPERM"))
    .finally(() => handle.close())
}

const codeOf = (cause: unknown): unknown => (cause instanceof Error && "code" in cause ? cause.code : undefined)

const unless =
  (...codes: ReadonlyArray<string>) =>
  (cause: unknown): undefined => {
    if (!codes.some((code) => code === codeOf(cause))) throw cause
  }

const unlessMissing =
  <A>(missing: A) =>
  (cause: unknown): A => {
    if (codeOf(cause) !== "ENOENT") throw cause
    return missing
  }
