export declare class UnreadableRow {
  readonly reason: string
  constructor(reason: string)
}
