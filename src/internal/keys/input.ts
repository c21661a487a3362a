/** Checks the input of the service's callers. */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Struct from "effect/Struct"
import * as Model from "../../ApiKey.ts"
import { InvalidInput } from "../../ApiKeyError.ts"
import type * as Repository from "../../ApiKeyRepository.ts"
import { type CreateField, createFields, type InstantField, perBound, type UpdateField, updateFields } from "../record/fields.ts"
import { firstIssue } from "../schema/firstIssue.ts"
import type { Filter } from "./model.ts"
import { ScopeSet } from "../../Scope.ts"

const decodeText = Schema.decodeUnknownEffect(Model.Instant)
const decodeDate = Schema.decodeUnknownEffect(Schema.DateTimeUtcFromDate.check(Model.isInRange()))
const decodeUtc = Schema.decodeUnknownEffect(Schema.toType(Model.Instant))

/** An `InstantInput`. The message of a union would name the first of the three types alone. */
const Instant: Schema.Codec<DateTime.Utc, unknown> = Schema.Unknown.pipe(
  Schema.decodeTo(Schema.toType(Model.Instant), {
    decode: SchemaGetter.transformEffect((input: unknown) => {
      const decode = typeof input === "string" ? decodeText : input instanceof Date ? decodeDate : decodeUtc
      return Effect.mapError(decode(input), () => new SchemaIssue.InvalidValue({ message: instantExpected }))
    }),
    encode: SchemaGetter.passthrough({ strict: false }),
  }),
)
const instantExpected = "must be an instant from 1970 to 9999: a DateTime.Utc, a Date, or text such as 2027-01-31T00:00:00Z"

/** The fields named, each optional, as callers give them. */
const optionalFields = <const Names extends ReadonlyArray<CreateField | UpdateField>>(names: Names) => ({
  ...Struct.map(Struct.pick(Model.ApiKey.fields, names), Schema.optional),
  ...instants,
})
const instants = {
  expiresAt: Schema.optional(Schema.Union([Schema.Null, Schema.Undefined, Instant])),
} satisfies { readonly [Name in Extract<CreateField | UpdateField, InstantField>]: unknown }

/** Decodes a caller's input; the first mistake becomes `InvalidInput` with the field's name. */
const decoder = <A, I>(schema: Schema.Codec<A, I>): ((input: unknown) => Effect.Effect<A, InvalidInput>) => {
  const decode = Schema.decodeUnknownEffect(schema, { onExcessProperty: "error" })
  return (input) =>
    Effect.mapError(decode(input), ({ issue }) => {
      const { path, message } = firstIssue(issue)
      return new InvalidInput({ field: path.length === 0 ? "input" : path.join("."), reason: message })
    })
}

const isId = Schema.is(Model.ApiKeyId)
const isKeyId = Schema.is(Model.KeyId)

/** A record's id, in any letter case (RFC 9562 §4). The error doesn't repeat the text, which may be a token by mistake. */
export const decodeId = (text: string): Effect.Effect<Model.ApiKeyId, InvalidInput> => {
  const id = typeof text === "string" ? text.toLowerCase() : text
  return isId(id) ? Effect.succeed(id) : Effect.fail(new InvalidInput({ field: "id", reason: "must be the id of an API key, a UUIDv7" }))
}

/** Decodes the public part of a token. The error doesn't repeat the text, which may be a whole token by mistake. */
export const decodeKeyId = (text: string, isToken: (text: string) => boolean): Effect.Effect<Model.KeyId, InvalidInput> => {
  const invalid = (reason: string) => Effect.fail(new InvalidInput({ field: "keyId", reason }))
  if (!isKeyId(text)) return invalid("must be 1 to 128 visible ASCII characters")
  return isToken(text) ? invalid("is a whole token: its key id alone is needed") : Effect.succeed(text)
}

/** Text that isn't checked by TypeScript may be no duration. */
export const decodeDuration = (field: string, input: Duration.Input): Effect.Effect<Duration.Duration, InvalidInput> =>
  Option.match(Duration.fromInput(input), {
    onNone: () => Effect.fail(new InvalidInput({ field, reason: "must be a duration, such as 30 seconds" })),
    onSome: Effect.succeed,
  })

export const decodeCreate = decoder(Schema.Struct({ ...optionalFields(createFields), name: Model.Name }))
export const decodeUpdate = decoder(Schema.Struct(optionalFields(updateFields)))

const Moment = Schema.optional(Schema.Union([Schema.Undefined, Instant]))
const decodeFilterFields = decoder(
  Schema.Struct({
    ownerId: Schema.optional(Model.OwnerId),
    isActive: Schema.optional(Schema.Boolean),
    scopes: Schema.optional(ScopeSet),
    name: Schema.optional(Model.Description),
    keyId: Schema.optional(Model.KeyId),
    // `KeyId` accepts the beginnings of ids as well as those of key ids.
    startsWith: Schema.optional(Model.KeyId),
    ...perBound(Moment),
    neverUsed: Schema.optional(Schema.Boolean),
    expired: Schema.optional(Schema.Boolean),
  } satisfies { readonly [Name in keyof Filter]-?: unknown }),
)
export const decodeFilter = Effect.fnUntraced(function* (filter: Filter): Effect.fn.Return<Repository.Filter, InvalidInput> {
  const { expired, ...rest } = yield* decodeFilterFields(filter)
  return expired === undefined ? rest : { ...rest, expired: { is: expired, at: yield* DateTime.now } }
})
