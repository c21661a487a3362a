/**
 * The commands that manage API keys, for a command line of your own: {@link command} over the `ApiKeys` of your program, by
 * {@link layerApiKeys}. The package's own command line, `effect-api-key`, has them too.
 *
 * ```ts
 * const app = Command.make("shop").pipe(
 *   Command.withSubcommands([ApiKeyCommands.command.pipe(Command.provide(ApiKeyCommands.layerApiKeys))]),
 *   Command.provide(layerOfYours),
 * )
 * ```
 *
 * `runMain` of `effect-api-key/cli/CommandLine` runs such a command line as the package's own runs. With `NodeRuntime.runMain` what fails is a
 * {@link CliFailure}, which bears the exit code; but wrong usage is Effect's, and ends with its exit code 1 and the command's help.
 * @since 0.1.0
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Prompt from "effect/cli/Prompt"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Model from "./ApiKey.ts"
import type { ConfirmWithin, Created, CreateInput, IfVersion, SearchInput, UpdateInput } from "./ApiKeys.ts"
import type { TokenConfig } from "./ApiKeyToken.ts"
import { fromError, usage } from "./internal/cli/CliFailure.ts"
import * as Generate from "./internal/cli/generate.ts"
import * as Json from "./internal/cli/Json.ts"
import { filterFlags, givenFields, readFilter, readScopes, requireApiKeys, scopes, string, text, whole } from "./internal/cli/keyFlags.ts"
import { asking, confirm, findKey, GivenToken, readSecret, refuseAny, refusePart, refuseToken } from "./internal/cli/keyName.ts"
import { KeysBackend, type Rotation } from "./internal/cli/KeysBackend.ts"
import { describeKey, keyColumns, type Look, look, makeTable, note, print, sanitize, table } from "./internal/cli/output.ts"
import { separators } from "./internal/cli/separators.ts"
import * as Settings from "./internal/cli/settings.ts"
import { putAtStake } from "./internal/cli/streams.ts"
import { scan } from "./internal/cli/scan.ts"
import { exportKeys, importKeys } from "./internal/cli/transfer.ts"
import { type Moment, parseDuration, parseMoment, resolveMoment } from "./internal/cli/values.ts"
import { safeJson } from "./internal/text/safe.ts"

export { CliFailure, exitCodes } from "./internal/cli/CliFailure.ts"
export { scan } from "./internal/cli/scan.ts"
export { exportKeys, importKeys } from "./internal/cli/transfer.ts"
export * as Json from "./internal/cli/Json.ts"
export { TokenFormat } from "./internal/cli/settings.ts"
export { KeysBackend, layerApiKeys, type Rotation, type Verdict } from "./internal/cli/KeysBackend.ts"

const key = Argument.String("key").pipe(
  Argument.withDescription("The key's id, its key id, or a beginning of either that no other key shares"),
  Argument.withFallbackPrompt(asking(Prompt.String({ message: "Id or key id of the key" }))),
  Argument.mapEffect(refusePart),
)
const yes = Flag.Boolean("yes").pipe(
  Flag.withAlias("y"),
  Flag.withoutNegation,
  Flag.withDescription("Don't ask before what can't be undone"),
  Flag.withDefault(false),
)

const expires = string("expires").pipe(
  Flag.withAlias("e"),
  Flag.withMetavar("when"),
  Flag.withDescription("When the key stops working: 30d, 12h, 2027-01-31 (when that day begins in UTC), or never"),
  Flag.filterMap(
    (text): Option.Option<Moment | "never"> => (text === "never" ? Option.some("never") : parseMoment(text)),
    () => "Expected never, a time such as 30d or 12h, or an instant such as 2027-01-31 or 2027-01-31T12:00Z",
  ),
  Flag.optional,
)

const confirmWithin = string("confirm-within").pipe(
  Flag.withMetavar("time"),
  Flag.withDescription("Wait until every server has applied the change, and fail after this time, up to 30s"),
  Flag.filterMap(
    (text) => Option.filter(parseDuration(text), (time) => Duration.toMillis(time) > 0 && Duration.toSeconds(time) <= 30),
    () => "Expected a time such as 5s, of 30s at most",
  ),
  Flag.optional,
)

const JsonText = Schema.fromJsonString(Schema.Unknown)

const metadata = string("metadata").pipe(
  Flag.withMetavar("json"),
  Flag.withDescription("A JSON object to keep with the key"),
  Flag.filterMap(
    (text) => Option.filter(Schema.decodeUnknownOption(JsonText)(text), Schema.is(Model.Metadata)),
    () => "Expected a JSON object of at most 8 KiB",
  ),
  Flag.optional,
)

const readExpiry = (expiry: Option.Option<Moment | "never">, now: DateTime.Utc) =>
  Option.map(expiry, (moment) => (moment === "never" ? null : resolveMoment(moment, now, 1)))

const printCreated = Effect.fnUntraced(function* ({ apiKey, token }: Created, what: string) {
  putAtStake(`nobody has the token of the API key ${apiKey.keyId}, and it can't be shown again: rotate the key`)
  yield* print(
    Json.Created,
    { apiKey, token: Redacted.value(token) },
    (look) => `${describeKey(apiKey, look)}\n\n${look.style("bold", Redacted.value(token))}`,
  )
  yield* note(`${what} Keep the token now: it can't be shown again.`)
})

const printKey = (apiKey: Model.ApiKey) => print(Json.Key, apiKey, (look) => describeKey(apiKey, look))

/** Issues a key. @category commands @since 0.1.0 */
export const create = Command.make(
  "create",
  {
    name: string("name").pipe(
      Flag.withAlias("n"),
      Flag.withDescription("What people call it"),
      Flag.withFallbackPrompt(asking(Prompt.String({ message: "Name of the key" }))),
    ),
    description: text("description", "What it is for"),
    owner: text("owner", "Whom it belongs to, in your application's terms"),
    scope: scopes("What it may do"),
    expires,
    metadata,
    inactive: Flag.Boolean("inactive").pipe(Flag.withoutNegation, Flag.withDescription("Don't activate it yet"), Flag.withDefault(false)),
  },
  Effect.fnUntraced(function* ({ name, description, owner, scope, expires, metadata, inactive }) {
    const now = yield* DateTime.now
    const input: CreateInput = {
      name,
      scopes: yield* readScopes(scope),
      ...givenFields<CreateInput>({ description, ownerId: owner, metadata, expiresAt: readExpiry(expires, now) }),
      ...(inactive ? { isActive: false } : {}),
    }
    yield* printCreated(yield* (yield* KeysBackend).create(input), "The key was created.")
  }),
).pipe(
  Command.withDescription("Issue an API key. Its token is printed once"),
  Command.withExamples([
    { command: "effect-api-key create --name ci --scope invoices:read --expires 30d" },
    { command: "effect-api-key create --name ci --json | jq -r .token", description: "For a script: just the token" },
  ]),
)

const batchSize = 200
const encodeKey = Schema.encodeSync(Json.Key)

/** Prints every key, newest first. @category commands @since 0.1.0 */
export const list = Command.make(
  "list",
  {
    ...filterFlags,
    limit: whole("limit", 1, Number.MAX_SAFE_INTEGER, "a whole number above 0").pipe(
      Flag.withDescription("So many at most"),
      Flag.optional,
    ),
  },
  Effect.fnUntraced(function* ({ limit, ...flags }) {
    const keys = (yield* KeysBackend).stream(yield* readFilter(flags))
    const wanted = Option.match(limit, { onNone: () => keys, onSome: (count) => Stream.take(keys, count) })
    if (yield* Settings.Json) return yield* Stream.runForEach(wanted, (each) => Console.log(safeJson(encodeKey(each))))
    const style = yield* look
    const write = makeTable(keyColumns(style.now), style)
    let count = 0
    yield* wanted.pipe(
      Stream.grouped(batchSize),
      Stream.runForEach((batch) => {
        count += batch.length
        return Console.log(write(batch).join("\n"))
      }),
    )
    if (count === 0) yield* note("No API key matches.")
  }),
).pipe(
  Command.withAlias("ls"),
  Command.withDescription("Print every API key that matches, newest first"),
  Command.withExamples([
    { command: "effect-api-key list --status active --expires-before 7d", description: "What stops working within a week" },
    { command: "effect-api-key list --json --never-used | jq -r .id", description: "For a script" },
  ]),
)

/** Prints a key. @category commands @since 0.1.0 */
export const get = Command.make("get", { key }, ({ key }) => Effect.flatMap(findKey(key), printKey)).pipe(
  Command.withDescription("Print an API key"),
  Command.withExamples([
    { command: "effect-api-key get 7a74caa3", description: "By a beginning of its key id" },
    { command: "effect-api-key get 0191b8d2-7c1a-7e2b-9f3c-1a2b3c4d5e6f --json" },
  ]),
)

/** Changes a key's record. @category commands @since 0.1.0 */
export const update = Command.make(
  "update",
  {
    key,
    name: text("name", "Another name"),
    description: text("description", "Another description; an empty one takes it away"),
    owner: text("owner", "Another owner; an empty one takes it away"),
    scope: scopes("The scopes that it has from now on, instead of those so far"),
    noScopes: Flag.Boolean("no-scopes").pipe(Flag.withoutNegation, Flag.withDescription("Take all scopes away"), Flag.withDefault(false)),
    expires,
    metadata,
    confirmWithin,
  },
  Effect.fnUntraced(function* ({ key, name, description, owner, scope, noScopes, expires, metadata, confirmWithin }) {
    const orNull = (value: Option.Option<string>) => Option.map(value, (text) => (text === "" ? null : text))
    const scopes = yield* readScopes(scope)
    if (noScopes && scopes.length > 0) return yield* usage("--scope and --no-scopes contradict each other")
    const input = {
      ...givenFields<UpdateInput>({
        name,
        description: orNull(description),
        ownerId: orNull(owner),
        metadata,
        expiresAt: readExpiry(expires, yield* DateTime.now),
      }),
      ...(noScopes || scopes.length > 0 ? { scopes } : {}),
    }
    if (Object.keys(input).length === 0)
      return yield* usage("Say what to change: --name, --description, --owner, --scope, --expires or --metadata")
    const { id } = yield* findKey(key)
    return yield* printKey(yield* (yield* KeysBackend).update(id, input, givenFields<ConfirmWithin>({ confirmWithin })))
  }),
).pipe(
  Command.withDescription("Change what is known of an API key, and what it may do"),
  Command.withExamples([{ command: "effect-api-key update 7a74caa3 --expires 2027-01-31 --scope invoices:read,invoices:write" }]),
)

/** Makes a key work again. @category commands @since 0.1.0 */
export const activate = Command.make(
  "activate",
  { key },
  Effect.fnUntraced(function* ({ key }) {
    const { id } = yield* findKey(key)
    yield* printKey(yield* (yield* KeysBackend).activate(id, {}))
  }),
).pipe(Command.withDescription("Make an API key work again"), Command.withExamples([{ command: "effect-api-key activate 7a74caa3" }]))

/** Makes a key stop working, until it is activated. @category commands @since 0.1.0 */
export const deactivate = Command.make(
  "deactivate",
  { key, confirmWithin },
  Effect.fnUntraced(function* ({ key, confirmWithin }) {
    const { id } = yield* findKey(key)
    yield* printKey(yield* (yield* KeysBackend).deactivate(id, givenFields<ConfirmWithin>({ confirmWithin })))
  }),
).pipe(
  Command.withDescription("Make an API key stop working, until it is activated again"),
  Command.withExamples([
    { command: "effect-api-key deactivate 7a74caa3" },
    { command: "effect-api-key deactivate 7a74caa3 --confirm-within 5s", description: "And be sure that every server knows" },
  ]),
)

const named = ({ name, keyId }: Model.ApiKey): string => `${sanitize(name)} (${keyId})`

/** Whoever was asked said yes to the key as it was shown; with `--yes` nobody saw it. */
const asShown = ({ version }: Model.ApiKey, yes: boolean): IfVersion => (yes ? {} : { ifVersion: version })

/** Deletes a key. @category commands @since 0.1.0 */
export const remove = Command.make(
  "delete",
  { key, yes, confirmWithin },
  Effect.fnUntraced(function* ({ key, yes, confirmWithin }) {
    const found = yield* findKey(key)
    yield* confirm(`Delete the API key ${named(found)} for good?`, yes)
    // The key that was shown is the one that was confirmed.
    yield* (yield* KeysBackend).delete(found.id, { ...givenFields<ConfirmWithin>({ confirmWithin }), ...asShown(found, yes) })
    yield* print(Json.Deleted, { deleted: found.id }, () => `${named(found)} is deleted`)
  }),
).pipe(
  Command.withDescription("Delete an API key for good"),
  Command.withExamples([
    { command: "effect-api-key delete 7a74caa3" },
    { command: "effect-api-key delete 7a74caa3 --yes --json", description: "For a script, which can't be asked" },
  ]),
)

const sorts = ["createdAt", "-createdAt", "name", "-name", "lastUsedAt", "-lastUsedAt", "expiresAt", "-expiresAt"] as const

/** Prints a page of a search. @category commands @since 0.1.0 */
export const search = Command.make(
  "search",
  {
    ...filterFlags,
    text: Argument.String("text").pipe(
      Argument.withDescription("What the name has in it, as --name"),
      Argument.mapEffect(refuseToken),
      Argument.optional,
    ),
    sort: Flag.Literals("sort", sorts).pipe(Flag.withDescription("A minus sign means descending"), Flag.withDefault("-createdAt" as const)),
    limit: whole("limit", 1, 200, "1 to 200").pipe(Flag.withDescription("So many a page, 1 to 200"), Flag.withDefault(50)),
    offset: whole("offset", 0, Number.MAX_SAFE_INTEGER, "0 or more").pipe(Flag.withDescription("How many to pass over"), Flag.optional),
    cursor: text("cursor", "The nextCursor of the page before"),
  },
  Effect.fnUntraced(function* ({ text, sort, limit, offset, cursor, ...flags }) {
    if (Option.isSome(text) && Option.isSome(flags.name)) return yield* usage("Give either a text or --name")
    if (Option.isSome(offset) && Option.isSome(cursor)) return yield* usage("--offset and --cursor contradict each other")
    const page = yield* (yield* KeysBackend).search({
      ...(yield* readFilter(flags)),
      // What is left without the sign is one of the four fields.
      sort: {
        by: sort.replace("-", "") as "createdAt" | "name" | "lastUsedAt" | "expiresAt",
        order: sort.startsWith("-") ? "desc" : "asc",
      },
      limit,
      ...givenFields<SearchInput>({ name: text, offset, cursor }),
    })
    const style = yield* look
    if ((yield* Settings.Json) || page.items.length > 0) {
      yield* print(Json.Page, { items: page.items, total: page.total, nextCursor: page.nextCursor }, () =>
        table(page.items, keyColumns(style.now), style).join("\n"),
      )
    } else yield* note("No API key matches.")
    if (page.items.length === 0 && page.nextCursor === null) return
    yield* note(
      [page.total === null ? [] : [`${page.total} in all.`], page.nextCursor === null ? [] : [`More: --cursor ${page.nextCursor}`]]
        .flat()
        .join(" ") || "The last page.",
    )
  }),
).pipe(
  Command.withDescription("Print a page of the API keys that match, in an order of your choice"),
  Command.withExamples([
    { command: "effect-api-key search invoices --sort expiresAt --limit 20" },
    { command: "effect-api-key search --json --cursor CURSOR", description: "The next page" },
  ]),
)

/** Counts keys. @category commands @since 0.1.0 */
export const count = Command.make(
  "count",
  filterFlags,
  Effect.fnUntraced(function* (flags) {
    const counted = yield* (yield* KeysBackend).count(yield* readFilter(flags))
    yield* print(Json.Count, { count: counted }, () => String(counted))
  }),
).pipe(
  Command.withDescription("Count the API keys that match"),
  Command.withExamples([{ command: "effect-api-key count --status expired" }]),
)

const describeVerdict = (verified: Model.ApiKey, usedToken: Model.UsedToken, look: Look): string =>
  `${look.style("green", "The token is valid")}${usedToken === "previous" ? ", though a rotation has replaced it" : ""}\n\n${describeKey(verified, look)}`

/** Verifies a token from standard input. @category commands @since 0.1.0 */
export const verify = Command.make(
  "verify",
  {
    scope: scopes("The key must hold this scope"),
    // Taken, so that they can be refused with the reason, and aren't repeated in a message about them.
    token: Flag.String("token").pipe(Flag.withHidden, Flag.atLeast(0), Flag.mapEffect(refuseAny)),
    stray: Argument.String("nothing").pipe(
      Argument.withDescription("Nothing: the token comes on standard input"),
      Argument.variadic(),
      Argument.mapEffect(refuseAny),
    ),
  },
  Effect.fnUntraced(function* ({ scope }) {
    const scopes = yield* readScopes(scope)
    const token = (yield* GivenToken) ?? (yield* readSecret("the token"))
    const verdict = yield* (yield* KeysBackend).verify(token, scopes)
    if (verdict.valid) {
      const { apiKey, usedToken, checkedAt } = verdict.verified
      return yield* print(Json.Verified, { valid: true, apiKey, usedToken, checkedAt }, (look) => describeVerdict(apiKey, usedToken, look))
    }
    if (yield* Settings.Json) yield* Console.log(safeJson(Schema.encodeSync(Json.Verified)(verdict)))
    return yield* fromError(verdict.error)
  }),
).pipe(
  Command.withDescription("Tell whether a token is valid, and whose it is. The token comes on standard input"),
  Command.withExamples([
    { command: "effect-api-key verify < token.txt" },
    { command: "printenv TOKEN | effect-api-key verify --scope invoices:read --json" },
  ]),
)

/** Replaces a key's token. @category commands @since 0.1.0 */
export const rotate = Command.make(
  "rotate",
  {
    key,
    grace: string("grace").pipe(
      Flag.withMetavar("time"),
      Flag.withDescription("How long the token so far works on, 0 to 90d. Default: 24h"),
      Flag.filterMap(parseDuration, () => "Expected a time such as 24h, 7d or 0"),
      Flag.filter(
        (grace) => Duration.toSeconds(grace) <= Model.maxGraceSeconds,
        () => "Expected 90d at most",
      ),
      Flag.optional,
    ),
    fromFirstUse: Flag.Boolean("from-first-use").pipe(
      Flag.withoutNegation,
      Flag.withDescription("Count the grace from the new token's first use"),
      Flag.withDefault(false),
    ),
    endPrevious: Flag.Boolean("end-previous").pipe(
      Flag.withoutNegation,
      Flag.withDescription("End the token from before the last rotation, if it still works"),
      Flag.withDefault(false),
    ),
    yes,
    confirmWithin,
  },
  Effect.fnUntraced(function* ({ key, grace, fromFirstUse, endPrevious, yes, confirmWithin }) {
    const found = yield* findKey(key)
    // Who means minutes and writes m, or ms, has no time to think again.
    const isAtOnce = Option.exists(grace, (each) => Duration.toSeconds(each) < 60)
    if (isAtOnce)
      yield* confirm(`End the token of ${named(found)} ${Option.exists(grace, Duration.isZero) ? "at once" : "within a minute"}?`, yes)
    else if (endPrevious && found.previous !== null) yield* confirm(`End the previous token of ${named(found)} at once?`, yes)
    const backend = yield* KeysBackend
    const show = (rotated: Created) => printCreated(rotated, "The token was replaced.")
    const rotated = yield* Effect.tapError(
      backend.rotate(found.id, {
        ...givenFields<Rotation>({ grace, confirmWithin }),
        ...(fromFirstUse ? { graceFrom: "firstUse" } : {}),
        ...(endPrevious ? { ifPrevious: "end" } : {}),
        ...(isAtOnce || endPrevious ? asShown(found, yes) : {}),
      }),
      // It stands, and what it gave must be shown all the same.
      ({ token }) =>
        token === undefined
          ? Effect.void
          : Effect.flatMap(
              Effect.orElseSucceed(backend.get(found.id), () => found),
              (apiKey) => show({ apiKey, token }),
            ),
    )
    yield* show(rotated)
  }),
).pipe(
  Command.withDescription("Replace an API key's token. The one so far works on for a while"),
  Command.withExamples([
    { command: "effect-api-key rotate 7a74caa3 --grace 7d" },
    {
      command: "effect-api-key rotate 7a74caa3 --grace 0 --end-previous --yes --confirm-within 5s",
      description: "The token has leaked",
    },
  ]),
)

/** Ends the token from before a rotation. @category commands @since 0.1.0 */
export const endGrace = Command.make(
  "end-grace",
  { key, yes, confirmWithin },
  Effect.fnUntraced(function* ({ key, yes, confirmWithin }) {
    const found = yield* findKey(key)
    if (found.previous !== null) yield* confirm(`End the previous token of ${named(found)} at once?`, yes)
    yield* printKey(
      yield* (yield* KeysBackend).endGrace(found.id, { ...givenFields<ConfirmWithin>({ confirmWithin }), ...asShown(found, yes) }),
    )
  }),
).pipe(
  Command.withDescription("End the token from before a rotation at once"),
  Command.withExamples([{ command: "effect-api-key end-grace 7a74caa3 --yes" }]),
)

/** Makes tokens without storing them. @category commands @since 0.1.0 */
export const generate = Command.make(
  "generate",
  {
    prefix: string("prefix").pipe(Flag.withDescription("Default: API_KEY_PREFIX, or ak"), Flag.optional),
    separator: Flag.Literals("separator", separators).pipe(Flag.withDescription("Default: API_KEY_SEPARATOR, or -"), Flag.optional),
    count: whole("count", 1, Generate.maxCount, `1 to ${Generate.maxCount}`).pipe(
      Flag.withAlias("c"),
      Flag.withDescription("How many"),
      Flag.withDefault(1),
    ),
  },
  Effect.fnUntraced(function* ({ count, ...flags }) {
    const format = { ...(yield* Settings.tokenFormat), ...givenFields<TokenConfig>(flags) }
    const tokens = yield* Effect.mapError(Generate.generate(format, count), ({ reason }) => usage(reason))
    yield* Effect.forEach(tokens, (each) => print(Json.Generated, each, () => each.token), { discard: true })
  }),
).pipe(
  Command.withDescription("Make a token without storing it"),
  Command.withExamples([{ command: "effect-api-key generate --prefix shop --json" }]),
)

/** Counts hashes by their kind. @category commands @since 0.1.0 */
export const hashReport = Command.make(
  "hash-report",
  {},
  Effect.fnUntraced(function* () {
    const apiKeys = yield* requireApiKeys("hash-report")
    const report = yield* Effect.mapError(apiKeys.hashReport, (error) => fromError(error))
    if (yield* Settings.Json) {
      return yield* Effect.forEach(report, (each) => Console.log(safeJson(Schema.encodeSync(Json.HashUsage)(each))), {
        discard: true,
      })
    }
    const style = yield* look
    const columns = [
      { title: "ALGORITHM", text: ({ algorithm }: (typeof report)[number]) => algorithm },
      { title: "PARAMETERS", text: ({ parameters }: (typeof report)[number]) => parameters },
      { title: "PEPPER", text: ({ pepper }: (typeof report)[number]) => (pepper === "" ? "unlabelled" : (pepper ?? "none")) },
      { title: "COUNT", text: ({ count }: (typeof report)[number]) => String(count) },
      { title: "", text: ({ isCurrent }: (typeof report)[number]) => (isCurrent ? "current" : "older") },
    ]
    return yield* Console.log(table(report, columns, style).join("\n"))
  }),
).pipe(
  Command.withDescription("Count hashes by algorithm, parameters and pepper"),
  Command.withExamples([{ command: "effect-api-key hash-report" }]),
)

/** `--json` and `--no-color`, which every command takes. @category flags @since 0.1.0 */
export const globalFlags = [Settings.Json, Settings.NoColor] as const

/**
 * All of them, under `api-keys`, on the {@link KeysBackend} provided.
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("api-keys").pipe(
  Command.withDescription("Issue, verify and manage API keys"),
  Command.withSubcommands([
    create,
    list,
    get,
    update,
    activate,
    deactivate,
    remove,
    search,
    count,
    verify,
    rotate,
    endGrace,
    generate,
    scan,
    hashReport,
    importKeys,
    exportKeys,
  ]),
  Command.withGlobalFlags(globalFlags),
)
