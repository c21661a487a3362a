import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { ApiKey } from "./ApiKey.ts"
import type { RepositoryError } from "./ApiKeyError.ts"
export declare const Actor: Schema.Union<
  readonly [
    Schema.TaggedStruct<
      "Application",
      {
        readonly name: Schema.optionalKey<Schema.String>
      }
    >,
    Schema.TaggedStruct<
      "Key",
      {
        readonly id: Schema.brand<Schema.String, "ApiKeyId">
        readonly keyId: Schema.brand<Schema.String, "KeyId">
      }
    >,
    Schema.TaggedStruct<
      "CommandLine",
      {
        readonly user: Schema.optionalKey<Schema.String>
      }
    >,
    Schema.TaggedStruct<
      "LeakReport",
      {
        readonly reporter: Schema.optionalKey<Schema.String>
      }
    >,
    Schema.TaggedStruct<"Holder", {}>,
    Schema.TaggedStruct<"Upkeep", {}>,
  ]
>
export type Actor = typeof Actor.Type
export declare const CurrentActor: Context.Reference<Actor>
export declare const Operation: Schema.Literals<
  readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
>
export type Operation = typeof Operation.Type
export declare const KeyCreated: Schema.TaggedStruct<
  "KeyCreated",
  {
    readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
    readonly actor: Schema.Union<
      readonly [
        Schema.TaggedStruct<
          "Application",
          {
            readonly name: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "Key",
          {
            readonly id: Schema.brand<Schema.String, "ApiKeyId">
            readonly keyId: Schema.brand<Schema.String, "KeyId">
          }
        >,
        Schema.TaggedStruct<
          "CommandLine",
          {
            readonly user: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "LeakReport",
          {
            readonly reporter: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<"Holder", {}>,
        Schema.TaggedStruct<"Upkeep", {}>,
      ]
    >
    readonly operation: Schema.Literals<
      readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
    >
    readonly id: Schema.brand<Schema.String, "ApiKeyId">
    readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
    readonly after: typeof ApiKey
  }
>
export declare const KeyImported: Schema.TaggedStruct<
  "KeyImported",
  {
    readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
    readonly actor: Schema.Union<
      readonly [
        Schema.TaggedStruct<
          "Application",
          {
            readonly name: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "Key",
          {
            readonly id: Schema.brand<Schema.String, "ApiKeyId">
            readonly keyId: Schema.brand<Schema.String, "KeyId">
          }
        >,
        Schema.TaggedStruct<
          "CommandLine",
          {
            readonly user: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "LeakReport",
          {
            readonly reporter: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<"Holder", {}>,
        Schema.TaggedStruct<"Upkeep", {}>,
      ]
    >
    readonly operation: Schema.Literals<
      readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
    >
    readonly id: Schema.brand<Schema.String, "ApiKeyId">
    readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
    readonly after: typeof ApiKey
  }
>
export declare const KeyUpdated: Schema.TaggedStruct<
  "KeyUpdated",
  {
    readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
    readonly actor: Schema.Union<
      readonly [
        Schema.TaggedStruct<
          "Application",
          {
            readonly name: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "Key",
          {
            readonly id: Schema.brand<Schema.String, "ApiKeyId">
            readonly keyId: Schema.brand<Schema.String, "KeyId">
          }
        >,
        Schema.TaggedStruct<
          "CommandLine",
          {
            readonly user: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "LeakReport",
          {
            readonly reporter: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<"Holder", {}>,
        Schema.TaggedStruct<"Upkeep", {}>,
      ]
    >
    readonly operation: Schema.Literals<
      readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
    >
    readonly id: Schema.brand<Schema.String, "ApiKeyId">
    readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
    readonly fields: Schema.$Array<Schema.String>
    readonly before: Schema.NullOr<typeof ApiKey>
    readonly after: typeof ApiKey
  }
>
export declare const KeyActivated: Schema.TaggedStruct<
  "KeyActivated",
  {
    readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
    readonly actor: Schema.Union<
      readonly [
        Schema.TaggedStruct<
          "Application",
          {
            readonly name: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "Key",
          {
            readonly id: Schema.brand<Schema.String, "ApiKeyId">
            readonly keyId: Schema.brand<Schema.String, "KeyId">
          }
        >,
        Schema.TaggedStruct<
          "CommandLine",
          {
            readonly user: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "LeakReport",
          {
            readonly reporter: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<"Holder", {}>,
        Schema.TaggedStruct<"Upkeep", {}>,
      ]
    >
    readonly operation: Schema.Literals<
      readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
    >
    readonly id: Schema.brand<Schema.String, "ApiKeyId">
    readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
    readonly before: Schema.NullOr<typeof ApiKey>
    readonly after: typeof ApiKey
  }
>
export declare const KeyDeactivated: Schema.TaggedStruct<
  "KeyDeactivated",
  {
    readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
    readonly actor: Schema.Union<
      readonly [
        Schema.TaggedStruct<
          "Application",
          {
            readonly name: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "Key",
          {
            readonly id: Schema.brand<Schema.String, "ApiKeyId">
            readonly keyId: Schema.brand<Schema.String, "KeyId">
          }
        >,
        Schema.TaggedStruct<
          "CommandLine",
          {
            readonly user: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "LeakReport",
          {
            readonly reporter: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<"Holder", {}>,
        Schema.TaggedStruct<"Upkeep", {}>,
      ]
    >
    readonly operation: Schema.Literals<
      readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
    >
    readonly id: Schema.brand<Schema.String, "ApiKeyId">
    readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
    readonly reason: Schema.Literals<readonly ["manual", "leaked", "possession"]>
    readonly before: Schema.NullOr<typeof ApiKey>
    readonly after: typeof ApiKey
  }
>
export declare const KeyRotated: Schema.TaggedStruct<
  "KeyRotated",
  {
    readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
    readonly actor: Schema.Union<
      readonly [
        Schema.TaggedStruct<
          "Application",
          {
            readonly name: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "Key",
          {
            readonly id: Schema.brand<Schema.String, "ApiKeyId">
            readonly keyId: Schema.brand<Schema.String, "KeyId">
          }
        >,
        Schema.TaggedStruct<
          "CommandLine",
          {
            readonly user: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "LeakReport",
          {
            readonly reporter: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<"Holder", {}>,
        Schema.TaggedStruct<"Upkeep", {}>,
      ]
    >
    readonly operation: Schema.Literals<
      readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
    >
    readonly id: Schema.brand<Schema.String, "ApiKeyId">
    readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
    readonly before: Schema.NullOr<typeof ApiKey>
    readonly after: typeof ApiKey
  }
>
export declare const GraceEnded: Schema.TaggedStruct<
  "GraceEnded",
  {
    readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
    readonly actor: Schema.Union<
      readonly [
        Schema.TaggedStruct<
          "Application",
          {
            readonly name: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "Key",
          {
            readonly id: Schema.brand<Schema.String, "ApiKeyId">
            readonly keyId: Schema.brand<Schema.String, "KeyId">
          }
        >,
        Schema.TaggedStruct<
          "CommandLine",
          {
            readonly user: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "LeakReport",
          {
            readonly reporter: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<"Holder", {}>,
        Schema.TaggedStruct<"Upkeep", {}>,
      ]
    >
    readonly operation: Schema.Literals<
      readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
    >
    readonly id: Schema.brand<Schema.String, "ApiKeyId">
    readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
    readonly before: Schema.NullOr<typeof ApiKey>
    readonly after: typeof ApiKey
  }
>
export declare const GraceSettled: Schema.TaggedStruct<
  "GraceSettled",
  {
    readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
    readonly actor: Schema.Union<
      readonly [
        Schema.TaggedStruct<
          "Application",
          {
            readonly name: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "Key",
          {
            readonly id: Schema.brand<Schema.String, "ApiKeyId">
            readonly keyId: Schema.brand<Schema.String, "KeyId">
          }
        >,
        Schema.TaggedStruct<
          "CommandLine",
          {
            readonly user: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "LeakReport",
          {
            readonly reporter: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<"Holder", {}>,
        Schema.TaggedStruct<"Upkeep", {}>,
      ]
    >
    readonly operation: Schema.Literals<
      readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
    >
    readonly id: Schema.brand<Schema.String, "ApiKeyId">
    readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
    readonly after: typeof ApiKey
  }
>
export declare const KeyDeleted: Schema.TaggedStruct<
  "KeyDeleted",
  {
    readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
    readonly actor: Schema.Union<
      readonly [
        Schema.TaggedStruct<
          "Application",
          {
            readonly name: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "Key",
          {
            readonly id: Schema.brand<Schema.String, "ApiKeyId">
            readonly keyId: Schema.brand<Schema.String, "KeyId">
          }
        >,
        Schema.TaggedStruct<
          "CommandLine",
          {
            readonly user: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "LeakReport",
          {
            readonly reporter: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<"Holder", {}>,
        Schema.TaggedStruct<"Upkeep", {}>,
      ]
    >
    readonly operation: Schema.Literals<
      readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
    >
    readonly id: Schema.brand<Schema.String, "ApiKeyId">
    readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
    readonly before: typeof ApiKey
  }
>
export declare const KeyRehashed: Schema.TaggedStruct<
  "KeyRehashed",
  {
    readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
    readonly actor: Schema.Union<
      readonly [
        Schema.TaggedStruct<
          "Application",
          {
            readonly name: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "Key",
          {
            readonly id: Schema.brand<Schema.String, "ApiKeyId">
            readonly keyId: Schema.brand<Schema.String, "KeyId">
          }
        >,
        Schema.TaggedStruct<
          "CommandLine",
          {
            readonly user: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "LeakReport",
          {
            readonly reporter: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<"Holder", {}>,
        Schema.TaggedStruct<"Upkeep", {}>,
      ]
    >
    readonly operation: Schema.Literals<
      readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
    >
    readonly id: Schema.brand<Schema.String, "ApiKeyId">
    readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
    readonly from: Schema.String
    readonly to: Schema.String
  }
>
export declare const KeysUsed: Schema.TaggedStruct<
  "KeysUsed",
  {
    readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
    readonly actor: Schema.Union<
      readonly [
        Schema.TaggedStruct<
          "Application",
          {
            readonly name: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "Key",
          {
            readonly id: Schema.brand<Schema.String, "ApiKeyId">
            readonly keyId: Schema.brand<Schema.String, "KeyId">
          }
        >,
        Schema.TaggedStruct<
          "CommandLine",
          {
            readonly user: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<
          "LeakReport",
          {
            readonly reporter: Schema.optionalKey<Schema.String>
          }
        >,
        Schema.TaggedStruct<"Holder", {}>,
        Schema.TaggedStruct<"Upkeep", {}>,
      ]
    >
    readonly operation: Schema.Literals<
      readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
    >
    readonly uses: Schema.$Array<
      Schema.Struct<{
        readonly id: Schema.brand<Schema.String, "ApiKeyId">
        readonly keyId: Schema.brand<Schema.String, "KeyId">
        readonly lastUsedAt: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
      }>
    >
  }
>
export declare const ApiKeyEvent: Schema.Union<
  readonly [
    Schema.TaggedStruct<
      "KeyCreated",
      {
        readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
        readonly actor: Schema.Union<
          readonly [
            Schema.TaggedStruct<
              "Application",
              {
                readonly name: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "Key",
              {
                readonly id: Schema.brand<Schema.String, "ApiKeyId">
                readonly keyId: Schema.brand<Schema.String, "KeyId">
              }
            >,
            Schema.TaggedStruct<
              "CommandLine",
              {
                readonly user: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "LeakReport",
              {
                readonly reporter: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<"Holder", {}>,
            Schema.TaggedStruct<"Upkeep", {}>,
          ]
        >
        readonly operation: Schema.Literals<
          readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
        >
        readonly id: Schema.brand<Schema.String, "ApiKeyId">
        readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
        readonly after: typeof ApiKey
      }
    >,
    Schema.TaggedStruct<
      "KeyImported",
      {
        readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
        readonly actor: Schema.Union<
          readonly [
            Schema.TaggedStruct<
              "Application",
              {
                readonly name: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "Key",
              {
                readonly id: Schema.brand<Schema.String, "ApiKeyId">
                readonly keyId: Schema.brand<Schema.String, "KeyId">
              }
            >,
            Schema.TaggedStruct<
              "CommandLine",
              {
                readonly user: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "LeakReport",
              {
                readonly reporter: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<"Holder", {}>,
            Schema.TaggedStruct<"Upkeep", {}>,
          ]
        >
        readonly operation: Schema.Literals<
          readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
        >
        readonly id: Schema.brand<Schema.String, "ApiKeyId">
        readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
        readonly after: typeof ApiKey
      }
    >,
    Schema.TaggedStruct<
      "KeyUpdated",
      {
        readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
        readonly actor: Schema.Union<
          readonly [
            Schema.TaggedStruct<
              "Application",
              {
                readonly name: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "Key",
              {
                readonly id: Schema.brand<Schema.String, "ApiKeyId">
                readonly keyId: Schema.brand<Schema.String, "KeyId">
              }
            >,
            Schema.TaggedStruct<
              "CommandLine",
              {
                readonly user: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "LeakReport",
              {
                readonly reporter: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<"Holder", {}>,
            Schema.TaggedStruct<"Upkeep", {}>,
          ]
        >
        readonly operation: Schema.Literals<
          readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
        >
        readonly id: Schema.brand<Schema.String, "ApiKeyId">
        readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
        readonly fields: Schema.$Array<Schema.String>
        readonly before: Schema.NullOr<typeof ApiKey>
        readonly after: typeof ApiKey
      }
    >,
    Schema.TaggedStruct<
      "KeyActivated",
      {
        readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
        readonly actor: Schema.Union<
          readonly [
            Schema.TaggedStruct<
              "Application",
              {
                readonly name: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "Key",
              {
                readonly id: Schema.brand<Schema.String, "ApiKeyId">
                readonly keyId: Schema.brand<Schema.String, "KeyId">
              }
            >,
            Schema.TaggedStruct<
              "CommandLine",
              {
                readonly user: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "LeakReport",
              {
                readonly reporter: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<"Holder", {}>,
            Schema.TaggedStruct<"Upkeep", {}>,
          ]
        >
        readonly operation: Schema.Literals<
          readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
        >
        readonly id: Schema.brand<Schema.String, "ApiKeyId">
        readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
        readonly before: Schema.NullOr<typeof ApiKey>
        readonly after: typeof ApiKey
      }
    >,
    Schema.TaggedStruct<
      "KeyDeactivated",
      {
        readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
        readonly actor: Schema.Union<
          readonly [
            Schema.TaggedStruct<
              "Application",
              {
                readonly name: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "Key",
              {
                readonly id: Schema.brand<Schema.String, "ApiKeyId">
                readonly keyId: Schema.brand<Schema.String, "KeyId">
              }
            >,
            Schema.TaggedStruct<
              "CommandLine",
              {
                readonly user: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "LeakReport",
              {
                readonly reporter: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<"Holder", {}>,
            Schema.TaggedStruct<"Upkeep", {}>,
          ]
        >
        readonly operation: Schema.Literals<
          readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
        >
        readonly id: Schema.brand<Schema.String, "ApiKeyId">
        readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
        readonly reason: Schema.Literals<readonly ["manual", "leaked", "possession"]>
        readonly before: Schema.NullOr<typeof ApiKey>
        readonly after: typeof ApiKey
      }
    >,
    Schema.TaggedStruct<
      "KeyRotated",
      {
        readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
        readonly actor: Schema.Union<
          readonly [
            Schema.TaggedStruct<
              "Application",
              {
                readonly name: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "Key",
              {
                readonly id: Schema.brand<Schema.String, "ApiKeyId">
                readonly keyId: Schema.brand<Schema.String, "KeyId">
              }
            >,
            Schema.TaggedStruct<
              "CommandLine",
              {
                readonly user: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "LeakReport",
              {
                readonly reporter: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<"Holder", {}>,
            Schema.TaggedStruct<"Upkeep", {}>,
          ]
        >
        readonly operation: Schema.Literals<
          readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
        >
        readonly id: Schema.brand<Schema.String, "ApiKeyId">
        readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
        readonly before: Schema.NullOr<typeof ApiKey>
        readonly after: typeof ApiKey
      }
    >,
    Schema.TaggedStruct<
      "GraceEnded",
      {
        readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
        readonly actor: Schema.Union<
          readonly [
            Schema.TaggedStruct<
              "Application",
              {
                readonly name: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "Key",
              {
                readonly id: Schema.brand<Schema.String, "ApiKeyId">
                readonly keyId: Schema.brand<Schema.String, "KeyId">
              }
            >,
            Schema.TaggedStruct<
              "CommandLine",
              {
                readonly user: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "LeakReport",
              {
                readonly reporter: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<"Holder", {}>,
            Schema.TaggedStruct<"Upkeep", {}>,
          ]
        >
        readonly operation: Schema.Literals<
          readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
        >
        readonly id: Schema.brand<Schema.String, "ApiKeyId">
        readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
        readonly before: Schema.NullOr<typeof ApiKey>
        readonly after: typeof ApiKey
      }
    >,
    Schema.TaggedStruct<
      "GraceSettled",
      {
        readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
        readonly actor: Schema.Union<
          readonly [
            Schema.TaggedStruct<
              "Application",
              {
                readonly name: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "Key",
              {
                readonly id: Schema.brand<Schema.String, "ApiKeyId">
                readonly keyId: Schema.brand<Schema.String, "KeyId">
              }
            >,
            Schema.TaggedStruct<
              "CommandLine",
              {
                readonly user: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "LeakReport",
              {
                readonly reporter: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<"Holder", {}>,
            Schema.TaggedStruct<"Upkeep", {}>,
          ]
        >
        readonly operation: Schema.Literals<
          readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
        >
        readonly id: Schema.brand<Schema.String, "ApiKeyId">
        readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
        readonly after: typeof ApiKey
      }
    >,
    Schema.TaggedStruct<
      "KeyDeleted",
      {
        readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
        readonly actor: Schema.Union<
          readonly [
            Schema.TaggedStruct<
              "Application",
              {
                readonly name: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "Key",
              {
                readonly id: Schema.brand<Schema.String, "ApiKeyId">
                readonly keyId: Schema.brand<Schema.String, "KeyId">
              }
            >,
            Schema.TaggedStruct<
              "CommandLine",
              {
                readonly user: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "LeakReport",
              {
                readonly reporter: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<"Holder", {}>,
            Schema.TaggedStruct<"Upkeep", {}>,
          ]
        >
        readonly operation: Schema.Literals<
          readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
        >
        readonly id: Schema.brand<Schema.String, "ApiKeyId">
        readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
        readonly before: typeof ApiKey
      }
    >,
    Schema.TaggedStruct<
      "KeyRehashed",
      {
        readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
        readonly actor: Schema.Union<
          readonly [
            Schema.TaggedStruct<
              "Application",
              {
                readonly name: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "Key",
              {
                readonly id: Schema.brand<Schema.String, "ApiKeyId">
                readonly keyId: Schema.brand<Schema.String, "KeyId">
              }
            >,
            Schema.TaggedStruct<
              "CommandLine",
              {
                readonly user: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "LeakReport",
              {
                readonly reporter: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<"Holder", {}>,
            Schema.TaggedStruct<"Upkeep", {}>,
          ]
        >
        readonly operation: Schema.Literals<
          readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
        >
        readonly id: Schema.brand<Schema.String, "ApiKeyId">
        readonly keyIds: Schema.$Array<Schema.brand<Schema.String, "KeyId">>
        readonly from: Schema.String
        readonly to: Schema.String
      }
    >,
    Schema.TaggedStruct<
      "KeysUsed",
      {
        readonly at: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
        readonly actor: Schema.Union<
          readonly [
            Schema.TaggedStruct<
              "Application",
              {
                readonly name: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "Key",
              {
                readonly id: Schema.brand<Schema.String, "ApiKeyId">
                readonly keyId: Schema.brand<Schema.String, "KeyId">
              }
            >,
            Schema.TaggedStruct<
              "CommandLine",
              {
                readonly user: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<
              "LeakReport",
              {
                readonly reporter: Schema.optionalKey<Schema.String>
              }
            >,
            Schema.TaggedStruct<"Holder", {}>,
            Schema.TaggedStruct<"Upkeep", {}>,
          ]
        >
        readonly operation: Schema.Literals<
          readonly ["create", "update", "activate", "deactivate", "delete", "rotate", "endGrace", "revoke", "import", "use", "rehash"]
        >
        readonly uses: Schema.$Array<
          Schema.Struct<{
            readonly id: Schema.brand<Schema.String, "ApiKeyId">
            readonly keyId: Schema.brand<Schema.String, "KeyId">
            readonly lastUsedAt: Schema.Codec<import("effect/DateTime").Utc, string, never, never>
          }>
        >
      }
    >,
  ]
>
export type ApiKeyEvent = typeof ApiKeyEvent.Type
export interface Listener {
  readonly inTransaction?: ((events: ReadonlyArray<ApiKeyEvent>) => Effect.Effect<void, RepositoryError>) | undefined
  readonly afterCommit?: ((events: ReadonlyArray<ApiKeyEvent>) => Effect.Effect<void>) | undefined
}
export declare const listeners: Effect.Effect<ReadonlyArray<Listener>>
export declare const layer: <E = never, R = never>(
  ...listeners: ReadonlyArray<Effect.Effect<Listener, E, R>>
) => Layer.Layer<never, E, Exclude<R, Scope.Scope>>
