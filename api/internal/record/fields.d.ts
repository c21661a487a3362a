type Setter = "service" | "application" | "faces"

export declare const fields: {
  readonly id: {
    readonly column: {
      readonly name: "id"
      readonly kind: "uuid"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
      readonly key: "PRIMARY KEY"
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly keyId: {
    readonly column: {
      readonly name: "key_id"
      readonly kind: "text"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
      readonly key: "UNIQUE"
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly prefix: {
    readonly column: {
      readonly name: "prefix"
      readonly kind: "text"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly name: {
    readonly column: {
      readonly name: "name"
      readonly kind: "text"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
      readonly lowerCase: "name_lower"
    }
    readonly create: "faces"
    readonly update: "faces"
    readonly isSortable: true
    readonly filter: "none"
  }
  readonly description: {
    readonly column: {
      readonly name: "description"
      readonly kind: "text"
      readonly isNullable: true
      readonly since: "0001_create_api_keys"
    }
    readonly create: "faces"
    readonly update: "faces"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly ownerId: {
    readonly column: {
      readonly name: "owner_id"
      readonly kind: "text"
      readonly isNullable: true
      readonly since: "0001_create_api_keys"
    }
    readonly create: "faces"
    readonly update: "faces"
    readonly isSortable: false
    readonly filter: "value"
  }
  readonly scopes: {
    readonly column: {
      readonly name: "scopes"
      readonly kind: "texts"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
    }
    readonly create: "faces"
    readonly update: "faces"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly metadata: {
    readonly column: {
      readonly name: "metadata"
      readonly kind: "json"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
    }
    readonly create: "faces"
    readonly update: "faces"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly policies: {
    readonly column: {
      readonly name: "policies"
      readonly kind: "json"
      readonly isNullable: true
      readonly since: "0009_keep_policies"
    }
    readonly create: "faces"
    readonly update: "faces"
    readonly whenAbsent: null
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly isActive: {
    readonly column: {
      readonly name: "is_active"
      readonly kind: "flag"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
    }
    readonly create: "faces"
    readonly update: "application"
    readonly isSortable: false
    readonly filter: "value"
  }
  readonly deactivatedAt: {
    readonly column: {
      readonly name: "deactivated_at"
      readonly kind: "instant"
      readonly isNullable: true
      readonly since: "0004_note_deactivation"
    }
    readonly create: "service"
    readonly update: "service"
    readonly isKeptWhileInactive: true
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly deactivationReason: {
    readonly column: {
      readonly name: "deactivation_reason"
      readonly kind: "text"
      readonly isNullable: true
      readonly since: "0004_note_deactivation"
    }
    readonly create: "service"
    readonly update: "service"
    readonly isKeptWhileInactive: true
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly expiresAt: {
    readonly column: {
      readonly name: "expires_at"
      readonly kind: "instant"
      readonly isNullable: true
      readonly since: "0001_create_api_keys"
    }
    readonly create: "faces"
    readonly update: "faces"
    readonly isSortable: true
    readonly filter: "range"
  }
  readonly createdAt: {
    readonly column: {
      readonly name: "created_at"
      readonly kind: "instant"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: true
    readonly filter: "range"
  }
  readonly updatedAt: {
    readonly column: {
      readonly name: "updated_at"
      readonly kind: "instant"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly lastUsedAt: {
    readonly column: {
      readonly name: "last_used_at"
      readonly kind: "instant"
      readonly isNullable: true
      readonly since: "0001_create_api_keys"
      readonly isUse: true
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: true
    readonly filter: "range"
  }
  readonly hint: {
    readonly column: {
      readonly name: "hint"
      readonly kind: "text"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly version: {
    readonly column: {
      readonly name: "version"
      readonly kind: "integer"
      readonly isNullable: false
      readonly since: "0001_create_api_keys"
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: false
    readonly filter: "none"
  }
  readonly rotatedAt: {
    readonly column: {
      readonly name: "rotated_at"
      readonly kind: "instant"
      readonly isNullable: true
      readonly since: "0003_rotate_tokens"
    }
    readonly create: "service"
    readonly update: "nobody"
    readonly isSortable: false
    readonly filter: "none"
  }
}

export type FieldName = keyof typeof fields

type NameWhere<Key extends "create" | "update" | "isSortable" | "filter", Value> = {
  readonly [Name in FieldName]: (typeof fields)[Name][Key] extends Value ? Name : never
}[FieldName]

export declare const isKeptWhileInactive: (name: FieldName) => boolean

export type ChangedField = NameWhere<"update", Setter>

export type CreateField = NameWhere<"create", "application" | "faces">

export type UpdateField = NameWhere<"update", "application" | "faces">

export type ValueField = NameWhere<"filter", "value">

export type SortField = NameWhere<"isSortable", true> | "tokenCreatedAt"

export type StoreSortField = SortField | "idleAt"

export type RangeField = NameWhere<"filter", "range"> | "tokenCreatedAt" | "idleAt"

type Stem<Name> = Name extends `${infer Start}At` ? Start : never

export type Bound = `${Stem<RangeField>}${"After" | "Before"}`
