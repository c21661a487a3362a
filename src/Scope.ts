/**
 * The scopes of a key, which say what the key may do: `invoices:read`, `invoices:*`, `*`.
 *
 * A scope is one or more segments joined by `:`. A segment is `[a-z0-9._-]+`; the last one may be `*`, which stands for everything below. Start
 * with {@link satisfies}.
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"

/**
 * A scope such as `invoices:read`, at most 128 characters.
 * @category models
 * @since 0.1.0
 */
export type Scope = typeof Scope.Type

/**
 * Checks the grammar of a scope.
 * @category schemas
 * @since 0.1.0
 */
export const Scope: Schema.brand<Schema.String, "Scope"> = Schema.String.check(
  Schema.isMaxLength(128),
  Schema.isPattern(/^(?:[a-z0-9._-]+:)*(?:[a-z0-9._-]+|\*)$/u, { expected: "a scope such as invoices:read" }),
)
  .annotate({ identifier: "Scope", examples: ["invoices:read"] })
  .pipe(Schema.brand("Scope"))

/** How many scopes a key can hold. @category models @since 0.1.0 */
export const maxScopes = 100

/**
 * A sorted set of at most {@link maxScopes} scopes. Decoding sorts and removes repetitions.
 * @category schemas
 * @since 0.1.0
 */
export const ScopeSet: ScopeSet = Schema.Array(Scope)
  .check(Schema.isMaxLength(maxScopes))
  .pipe(Schema.decode({ decode: SchemaGetter.transform(toSorted), encode: SchemaGetter.transform(toSorted) }))

/** @since 0.1.0 */
export interface ScopeSet extends Schema.Codec<ReadonlyArray<Scope>, ReadonlyArray<string>> {}

/**
 * Reads scopes, dropping repetitions; throws on one that isn't well-formed.
 *
 * Use it for scopes written in source code. Decode {@link ScopeSet} for what comes from elsewhere.
 * @category constructors
 * @since 0.1.0
 */
export const set = (...scopes: ReadonlyArray<string>): ReadonlyArray<Scope> => toSorted(scopes.map((scope) => Scope.make(scope)))

/**
 * Whether `granted` covers every one of `required`.
 *
 * `*` covers everything, `invoices:*` everything below `invoices:` (not `invoices` itself), any other scope just itself. An empty `granted`
 * covers no scope; an empty `required` is always covered.
 * @category predicates
 * @since 0.1.0
 * @example
 * ```ts
 * import { Scope } from "effect-api-key"
 *
 * Scope.satisfies(["invoices:*"], ["invoices:read"]) // => true
 * Scope.satisfies(["invoices:*"], ["invoices"]) // => false
 * ```
 */
export const satisfies = (granted: ReadonlyArray<string>, required: ReadonlyArray<string>): boolean =>
  required.every((scope) => granted.some((grant) => covers(grant, scope)))

const covers = (grant: string, scope: string): boolean => {
  if (grant === scope || grant === "*") return true
  if (!grant.endsWith(":*")) return false
  const parent = grant.slice(0, -1)
  return scope.length > parent.length && scope.startsWith(parent)
}

function toSorted<A extends string>(scopes: ReadonlyArray<A>): ReadonlyArray<A> {
  return Array.from(new Set(scopes)).sort()
}
