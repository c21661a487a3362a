import { randomBytes, randomUUID } from "node:crypto"
import { link, open, readFile, rm, stat } from "node:fs/promises"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { claim, type DataDirProblem, look, pepperFile } from "../sql/dataDir.ts"

/** The pepper in the folder of the embedded database can't be used. @category errors @since 0.1.0 */
export class DataDirError extends Schema.TaggedError<DataDirError>()("DataDirError", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

/**
 * Reads the pepper beside the embedded data, or makes a random one before there is any data.
 *
 * Once keys exist, a lost pepper is an error. A new one would silently make every key invalid.
 */
export const readOrMakePepper = (dataDir: string): Effect.Effect<Redacted.Redacted, DataDirError | DataDirProblem> =>
  Effect.gen(function* () {
    const file = pepperFile(dataDir)
    const state = yield* claim(dataDir)
    const known = yield* findPepper(dataDir)
    if (known !== undefined) return known
    if (state === "present") {
      return yield* new DataDirError({
        reason: `${dataDir} holds keys, but their pepper is neither in ${file} nor in API_KEY_PEPPER: restore one of them`,
      })
    }
    yield* attempt(`Can't write ${file}`, () => writeOnce(file, randomBytes(32).toString("base64")))
    return yield* readPepper(file)
  })

/** The pepper beside the embedded data, if there is one. A folder of another program is an error. */
export const findPepper = (dataDir: string): Effect.Effect<Redacted.Redacted | undefined, DataDirError | DataDirProblem> => {
  const file = pepperFile(dataDir)
  return Effect.gen(function* () {
    yield* look(dataDir)
    return (yield* exists(file)) ? yield* readPepper(file) : undefined
  })
}

/** Reads the pepper's file, which must exist. */
export const readPepper = (file: string): Effect.Effect<Redacted.Redacted, DataDirError> =>
  Effect.map(
    attempt(`Can't read ${file}`, () => readFile(file, "utf8")),
    (pepper) => Redacted.make(pepper.trim(), { label: "pepper" }),
  )

/** The file appears whole or not at all, and an existing one is left alone. */
const writeOnce = async (file: string, text: string): Promise<void> => {
  const draft = `${file}.${randomUUID()}`
  try {
    const handle = await open(draft, "wx", 0o600)
    await handle
      .writeFile(text)
      .then(() => handle.sync())
      .finally(() => handle.close())
    await link(draft, file).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== "EEXIST") throw cause
    })
  } finally {
    await rm(draft, { force: true })
  }
}

const exists = (path: string): Effect.Effect<boolean> =>
  Effect.promise(() =>
    stat(path).then(
      () => true,
      () => false,
    ),
  )

const attempt = <A>(problem: string, run: () => Promise<A>): Effect.Effect<A, DataDirError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new DataDirError({ reason: `${problem}: ${cause instanceof Error ? cause.message : String(cause)}` }),
  })
