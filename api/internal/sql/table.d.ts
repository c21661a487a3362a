export interface TableOptions {
  readonly table?: string | undefined
  readonly schema?: string | undefined
}

declare const InvalidIdentifier_base: Schema.Class<
  InvalidIdentifier,
  Schema.TaggedStruct<
    "InvalidIdentifier",
    {
      readonly identifier: Schema.String
    }
  >,
  import("effect/Cause").YieldableError
>

export declare class InvalidIdentifier extends InvalidIdentifier_base {
  get message(): string
}

export interface Table {
  readonly table: string
  readonly schema: string | undefined
  readonly qualified: string
  readonly nodes: string
  readonly reports: string
  readonly peppers: string
  readonly meters: string
  readonly meterChanges: string
  readonly lease: string
  readonly tell: string
}
