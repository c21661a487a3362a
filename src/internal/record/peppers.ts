/** Checks that the peppers that hashes need are configured, with the values that the hashes were made with. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { BuiltInPepper, type HasherError, MissingPeppers, OtherPeppers, type RepositoryError } from "../../ApiKeyError.ts"
import type { ApiKeyHasher, ConfiguredPepper } from "../../ApiKeyHasher.ts"
import type { PepperNote, PepperSupport, Repository } from "./contract.ts"

/** The id of the pepper that hashes of the scheme need, if it is missing. `undefined` also for hashes that no hasher supports. */
export const missingPepper = ({ missingPepper }: ApiKeyHasher["Service"], scheme: string): Effect.Effect<string | undefined, HasherError> =>
  missingPepper === undefined
    ? Effect.undefined
    : Effect.catchIf(
        missingPepper(scheme),
        ({ reason }) => reason === "UnsupportedHash",
        () => Effect.undefined,
      )

/** Fails if keys need peppers that aren't configured, or warns if that is accepted. A key that needs one pepper for both hashes counts once. */
export const checkPeppers = Effect.fnUntraced(
  function* (repository: Repository, hasher: ApiKeyHasher["Service"], isAccepted: boolean) {
    // Without `missingPepper` the hasher can't tell.
    if (hasher.missingPepper === undefined) return
    const now = yield* DateTime.now
    if (yield* hasNoneMissing(repository, hasher, now)) return
    const counts = new Map<string, number>()
    for (const { scheme, previousScheme, count } of yield* repository.countSchemes(now)) {
      const ids = new Set<string>()
      for (const each of previousScheme === null ? [scheme] : [scheme, previousScheme]) {
        const id = yield* missingPepper(hasher, each)
        if (id !== undefined) ids.add(id)
      }
      for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + count)
    }
    if (counts.size === 0) return
    const missing = new MissingPeppers({ peppers: Array.from(counts, ([id, count]) => ({ id, count })) })
    return isAccepted ? yield* Effect.logWarning(missing.message) : yield* missing
  },
  Effect.catchTag("RepositoryError", (error) =>
    Effect.logWarning("Could not look whether API keys need peppers that aren't configured", error),
  ),
)

/** Whether no pepper is missing. `false` also if the store can't tell without counting. */
const hasNoneMissing = Effect.fnUntraced(function* ({ kinds }: Repository, hasher: ApiKeyHasher["Service"], at: DateTime.Utc) {
  const known = kinds === undefined ? undefined : yield* kinds.read
  if (kinds === undefined || known === undefined) return false
  const missing = new Set<string>()
  for (const scheme of known.schemes) if ((yield* missingPepper(hasher, scheme)) !== undefined) missing.add(scheme)
  return missing.size === 0 || !(yield* kinds.haveSchemes(missing, at))
})

/**
 * Refuses the built-in pepper for a store that outlives the program (decision 0041). The hasher itself warns wherever the built-in pepper is
 * accepted.
 */
export const refuseBuiltIn = Effect.fnUntraced(function* (
  repository: Repository,
  hasher: ApiKeyHasher["Service"],
): Effect.fn.Return<void, BuiltInPepper | HasherError> {
  if (repository.peppers === undefined || hasher.peppers === undefined) return
  if ((yield* hasher.peppers).some(({ isCurrent, isBuiltIn }) => isCurrent && isBuiltIn)) return yield* new BuiltInPepper()
})

/** The peppers that are configured, compared with the notes in the store. */
export interface Comparison {
  /** The beginnings of hashes whose notes have an unknown form. */
  readonly unreadable: ReadonlyArray<string>
  /** The peppers that differ from the noted ones. */
  readonly other: OtherPeppers | undefined
  /** The peppers without a note, and the number of keys that need each. */
  readonly unknown: ReadonlyArray<{ readonly pepper: ConfiguredPepper; readonly count: number }>
  /** The peppers whose notes are assumed: older keys may have been made under another value. */
  readonly assumed: ReadonlyArray<ConfiguredPepper>
}

/** Compares the peppers that are configured with those noted in the store, and changes nothing. */
export const comparePeppers = Effect.fnUntraced(function* (
  repository: Repository,
  support: PepperSupport,
  peppers: ReadonlyArray<ConfiguredPepper>,
): Effect.fn.Return<Comparison, RepositoryError | HasherError> {
  const notes = new Map((yield* support.read).map((note): readonly [string, PepperNote] => [note.start, note]))
  const unreadable: Array<string> = []
  const unknown: Array<ConfiguredPepper> = []
  const assumed: Array<ConfiguredPepper> = []
  const other: Array<ConfiguredPepper & { readonly isAssumed: boolean }> = []
  for (const pepper of peppers) {
    const note = notes.get(pepper.start)
    if (note === undefined) {
      unknown.push(pepper)
      continue
    }
    const isNoted = yield* Effect.catchIf(pepper.matches(note.check), isUnreadable, () => Effect.undefined)
    if (isNoted === undefined) unreadable.push(pepper.start)
    else if (!isNoted) other.push({ ...pepper, isAssumed: note.isAssumed })
    else if (note.isAssumed) assumed.push(pepper)
  }
  const isUnder = (scheme: string | null, { start }: ConfiguredPepper) => scheme === start || scheme?.startsWith(`${start}$`) === true
  const counted = [...unknown, ...other]
  const kinds = counted.length === 0 ? undefined : yield* repository.kinds?.read ?? Effect.undefined
  const isNeeded =
    counted.length > 0 &&
    (kinds === undefined || counted.some((pepper) => Array.from(kinds.schemes).some((scheme) => isUnder(scheme, pepper))))
  const schemes = isNeeded ? yield* repository.countSchemes(yield* DateTime.now) : []
  const countOf = (pepper: ConfiguredPepper) =>
    schemes
      .filter(({ scheme, previousScheme }) => isUnder(scheme, pepper) || isUnder(previousScheme, pepper))
      .reduce((sum, { count }) => sum + count, 0)
  return {
    unreadable,
    other:
      other.length === 0
        ? undefined
        : new OtherPeppers({
            peppers: other.map((pepper) => ({ id: pepper.id, start: pepper.start, count: countOf(pepper), isAssumed: pepper.isAssumed })),
          }),
    unknown: unknown.map((pepper) => ({ pepper, count: countOf(pepper) })),
    assumed,
  }
})

export const unreadableNotes = (starts: ReadonlyArray<string>): string =>
  `Whether the pepper is that of the hashes that begin with ${starts.join(", ")} can't be told, as the note about it can't be read`

/** A later version may note peppers in another form. */
const isUnreadable = ({ reason }: HasherError): boolean => reason === "UnsupportedHash" || reason === "MalformedHash"

/**
 * Fails if a pepper differs from the noted one, and notes the peppers that are new (decision 0040). Nodes that start together may have different
 * peppers. The first note then stays, and the second comparison finds it.
 */
export const notePeppers = Effect.fnUntraced(
  function* (repository: Repository, hasher: ApiKeyHasher["Service"]) {
    const { peppers: support } = repository
    if (support === undefined || hasher.peppers === undefined) return
    const peppers = yield* hasher.peppers
    const { other, unknown, unreadable } = yield* comparePeppers(repository, support, peppers)
    if (other !== undefined) return yield* other
    if (unreadable.length > 0) yield* Effect.logWarning(unreadableNotes(unreadable))
    if (unknown.length === 0) return
    const now = yield* DateTime.now
    for (const { pepper, count } of unknown) {
      yield* support.note({ start: pepper.start, check: yield* pepper.makeCheck, isAssumed: count > 0 }, now)
    }
    const noted = yield* comparePeppers(
      repository,
      support,
      unknown.map(({ pepper }) => pepper),
    )
    if (noted.other !== undefined) return yield* noted.other
  },
  Effect.catchTag("RepositoryError", (error) =>
    Effect.logWarning("Could not compare the peppers with those that the API keys were made under, or note them", error),
  ),
)
