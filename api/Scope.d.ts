import * as Schema from "effect/Schema"
export type Scope = typeof Scope.Type
export declare const Scope: Schema.brand<Schema.String, "Scope">
export declare const maxScopes = 100
export declare const ScopeSet: ScopeSet
export interface ScopeSet extends Schema.Codec<ReadonlyArray<Scope>, ReadonlyArray<string>> {}
export declare const set: (...scopes: ReadonlyArray<string>) => ReadonlyArray<Scope>
export declare const satisfies: (granted: ReadonlyArray<string>, required: ReadonlyArray<string>) => boolean
