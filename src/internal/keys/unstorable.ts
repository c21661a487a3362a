/** Text that the store's encoding can't hold. */
import { InvalidInput, RepositoryError, UnstorableText } from "../../ApiKeyError.ts"

/** Turns the failure into `InvalidInput`, as a retry with the same text would fail again. Names the field that holds the character. */
export const refuseUnstorable =
  (fields: object) =>
  <E>(error: E): E | InvalidInput => {
    const cause = error instanceof RepositoryError ? error.cause : undefined
    if (!(cause instanceof UnstorableText)) return error
    const { character } = cause
    const [field = "input"] = Object.entries(fields).find(([, value]) => holds(value, character)) ?? []
    return new InvalidInput({ field, reason: `the store's encoding can't hold ${JSON.stringify(character)}` })
  }

const holds = (value: unknown, character: string): boolean =>
  typeof value === "string" ? value.includes(character) : isPlain(value) && (JSON.stringify(value) ?? "").includes(character)

const isPlain = (value: unknown): boolean => typeof value === "object" && value !== null
