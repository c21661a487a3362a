/** Checks what callers of the service pass in. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Model from "../ApiKey.ts"
import { InvalidInput } from "../ApiKeyError.ts"
import type * as Repository from "../ApiKeyRepository.ts"
import type { Filter } from "../ApiKeys.ts"
import { ScopeSet } from "../Scope.ts"

const optionalFields = {
  description: Schema.optional(Schema.NullOr(Model.Description)),
  ownerId: Schema.optional(Schema.NullOr(Model.OwnerId)),
  scopes: Schema.optional(ScopeSet),
  metadata: Schema.optional(Model.Metadata),
  isActive: Schema.optional(Schema.Boolean),
  expiresAt: Schema.optional(Schema.NullOr(Schema.toType(Model.Instant))),
}

/** Decodes a caller's input; what it finds wrong becomes `InvalidInput` with the field's name. */
const decoder = <A, I>(schema: Schema.Codec<A, I>): ((input: unknown) => Effect.Effect<A, InvalidInput>) => {
  const decode = Schema.decodeUnknownEffect(schema, { onExcessProperty: "error" })
  return (input) =>
    Effect.mapError(decode(input), ({ issue }) => {
      const first = formatIssue(issue).issues[0]
      const field = (first?.path ?? []).map((segment) => String(typeof segment === "object" ? segment.key : segment)).join(".")
      return new InvalidInput({ field: field === "" ? "input" : field, reason: first?.message ?? "invalid" })
    })
}
const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1()

export const decodeCreate = decoder(Schema.Struct({ name: Model.Name, ...optionalFields }))
export const decodeUpdate = decoder(Schema.Struct({ name: Schema.optional(Model.Name), ...optionalFields }))

const Moment = Schema.optional(Schema.toType(Model.Instant))
const decodeFilterFields = decoder(
  Schema.Struct({
    ownerId: Schema.optional(Model.OwnerId),
    isActive: Schema.optional(Schema.Boolean),
    scopes: Schema.optional(ScopeSet),
    name: Schema.optional(Model.Description),
    keyId: Schema.optional(Model.KeyId),
    // What a key id may begin with, an id may too.
    startsWith: Schema.optional(Model.KeyId),
    createdAfter: Moment,
    createdBefore: Moment,
    expiresAfter: Moment,
    expiresBefore: Moment,
    lastUsedAfter: Moment,
    lastUsedBefore: Moment,
    tokenCreatedAfter: Moment,
    tokenCreatedBefore: Moment,
    neverUsed: Schema.optional(Schema.Boolean),
    expired: Schema.optional(Schema.Boolean),
  }),
)
export const decodeFilter = Effect.fnUntraced(function* (filter: Filter): Effect.fn.Return<Repository.Filter, InvalidInput> {
  const { expired, ...rest } = yield* decodeFilterFields(filter)
  return expired === undefined ? rest : { ...rest, expired: { is: expired, at: yield* DateTime.now } }
})
