import * as CliError from "effect/cli/CliError"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Prompt from "effect/cli/Prompt"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Console from "effect/Console"
import { ApiKeyId, KeyId } from "../../ApiKey.ts"
import { ApiKeys } from "../../ApiKeys.ts"
import { CliFailure, exitCodes, orFailure, usage } from "./CliFailure.ts"

const tokenShape = /^[A-Za-z][A-Za-z0-9_]{0,31}([-_.~:])([0-9a-f]{16})\1[0-9A-Za-z]{64}$/
/** Whether a text looks like a token that is cut off, or has a typo. */
const isPartOfToken = (text: string): boolean => !tokenShape.test(text.trim()) && /[-_.~:][0-9a-f]{16}[-_.~:][0-9A-Za-z]/.test(text)
const partOfToken = usage(
  "That looks like a part of a token, so it isn't looked up. Name the key by its id or key id; and treat the token as leaked",
)

/** Whether a text contains a token with at least 20 characters of its secret. */
export const hasToken = (text: string): boolean => /[A-Za-z0-9_]([-_.~:])[0-9a-f]{16}\1[0-9A-Za-z]{20}/.test(text)

// Arguments are parsed before the database is opened, so a refused command opens none.
const refuse = (failure: CliFailure) => Effect.fail(new CliError.UserError({ cause: failure }))

/** Refuses a text that contains a token. */
export const refuseToken = (text: string): Effect.Effect<string, CliError.UserError> =>
  hasToken(text) ? refuse(refuseSecret) : Effect.succeed(text)

/** Refuses every value, as each may be a secret. */
export const refuseAny = (secrets: ReadonlyArray<string>): Effect.Effect<void, CliError.UserError> =>
  secrets.length === 0 ? Effect.void : refuse(refuseSecret)

/** Refuses a part of a token. A whole token is accepted, as it names its key. */
export const refusePart = (name: string): Effect.Effect<string, CliError.UserError> =>
  isPartOfToken(name) ? refuse(partOfToken) : Effect.succeed(name)

/** Asks for a missing argument. Ctrl-C ends the program. Effect's own fallback would then report the argument as missing. */
export const asking = <A>(prompt: Prompt.Prompt<A>) =>
  Effect.map(
    Effect.catchTag(Prompt.run(prompt), "QuitError", () => Effect.interrupt),
    (answer) => Prompt.succeed(answer),
  )

const notFound = (reason: string) => new CliFailure({ exitCode: exitCodes.notFound, tag: "ApiKeyNotFound", reason })

/** Several keys may have the same name, so a name alone doesn't tell the key. */
const byName = ". By its name a key is found with search"

/** Finds a key by its id, its key id, or a token. A beginning of an id or key id is enough if no other key shares it. */
export const findKey = Effect.fnUntraced(function* (name: string) {
  const keys = yield* ApiKeys
  const text = name.trim()
  const token = tokenShape.exec(text)
  if (token !== null) {
    yield* Console.error(
      "That is a whole token. Only its key id was used; but your shell's history and the process list have the token now, so treat it as leaked and rotate the key.",
    )
    return yield* byKeyId(token[2] ?? "")
  }
  // The text has the form that `scan` prints, or is the public part of a token.
  const publicPart = /^[A-Za-z][A-Za-z0-9_]{0,31}([-_.~:])([0-9a-f]{16})(?:\1…[0-9A-Za-z]*)?$/.exec(text)
  if (publicPart !== null) return yield* byKeyId(publicPart[2] ?? "")
  if (isId(text.toLowerCase())) return yield* orFailure(keys.get(text))
  if (!isKeyId(text)) return yield* usage(`A key is named by its id, its key id, or a beginning of either${byName}`)
  const [exact] = (yield* orFailure(keys.search({ keyId: text, limit: 1, cursor: "" }))).items
  if (exact !== undefined) return exact
  if (text.length < 4) return yield* usage(`A beginning of an id or key id needs 4 characters at least${byName}`)
  return yield* byBeginning(text)
})

const byKeyId = Effect.fnUntraced(function* (keyId: string) {
  const [found] = (yield* orFailure((yield* ApiKeys).search({ keyId, limit: 1, cursor: "" }))).items
  return found ?? (yield* notFound(`No API key has the key id ${keyId}`))
})

const byBeginning = Effect.fnUntraced(function* (text: string) {
  const keys = yield* ApiKeys
  const begin = (startsWith: string) => Effect.map(orFailure(keys.search({ startsWith, limit: 2, cursor: "" })), ({ items }) => items)
  const asGiven = yield* begin(text)
  // This package's own ids and key ids are in lower case. Imported ones may be in upper case.
  const [first, second] = asGiven.length > 0 ? asGiven : yield* begin(text.toLowerCase())
  if (first === undefined) return yield* notFound(`No API key has an id or key id that begins with ${shown(text)}${byName}`)
  if (second !== undefined) {
    return yield* new CliFailure({
      exitCode: exitCodes.usage,
      tag: "AmbiguousKey",
      reason: `Several API keys begin with ${shown(text)}: ${first.id} (${first.keyId}) and ${second.id} (${second.keyId}), say`,
    })
  }
  return first
})

/** A name may be a secret by mistake, so a message repeats only a text that can't be a secret. */
const shown = (text: string): string => (/^(?:[0-9a-f-]{1,36}|legacy-[0-9a-f]*)$/i.test(text) || text.length < 16 ? text : "that")

const isId = Schema.is(ApiKeyId)
const isKeyId = Schema.is(KeyId)

/** The refusal of a token as an argument. */
export const refuseSecret = usage(
  "A token isn't taken as an argument: your shell would keep it in its history, and anybody on this machine sees it in the process list. Treat it as leaked, and pass tokens on standard input",
)

export const refusePepper = usage(
  "A pepper isn't taken as an argument: your shell would keep it in its history, and anybody on this machine sees it in the process list. Don't use it, and set API_KEY_PEPPER to another one",
)

const toToken = (text: string): Redacted.Redacted => Redacted.make(text.trim(), { label: "token" })

const maxSecretLength = 4_096

/** A secret from standard input, or typed at the terminal. */
export const readSecret = Effect.fnUntraced(function* (secretName: string) {
  const stdio = yield* Stdio.Stdio
  if (yield* stdio.stdinIsTerminal) {
    const { canPrompt } = yield* TerminalCapabilities
    if (!canPrompt) return yield* usage(`Pass ${secretName} on standard input`)
    const typed = yield* Prompt.run(Prompt.Hidden({ message: `${secretName[0]?.toUpperCase()}${secretName.slice(1)}` }))
    return toToken(Redacted.value(typed))
  }
  const text = yield* stdio.stdin.pipe(
    Stream.decodeText(),
    Stream.runFoldEffect(
      () => "",
      (text, chunk) =>
        text.length + chunk.length > maxSecretLength
          ? Effect.fail(usage(`Standard input is longer than ${secretName}`))
          : Effect.succeed(text + chunk),
    ),
    Effect.catchTag("PlatformError", () => Effect.fail(usage("Standard input can't be read"))),
  )
  const secret = text.trim()
  if (secret === "") return yield* usage(`Standard input is empty: pass ${secretName} there`)
  return toToken(secret)
})

/** Asks for the confirmation of an irreversible change. */
export const confirm = Effect.fnUntraced(function* (message: string, isConfirmed: boolean) {
  if (isConfirmed) return
  const { canPrompt } = yield* TerminalCapabilities
  if (!canPrompt) return yield* usage("This can't be undone, and nobody can be asked (no terminal, or --json): add --yes")
  if (yield* Prompt.run(Prompt.Confirm({ message, initial: false }))) return
  return yield* new CliFailure({ exitCode: exitCodes.failed, tag: "Declined", reason: "Nothing was changed" })
})
