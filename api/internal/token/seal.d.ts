export interface SealingKey {
  readonly id: string
  readonly code: (text: string) => string
}

export interface SealingKeys {
  readonly current: SealingKey
  readonly older: ReadonlyArray<SealingKey>
  readonly isPublic?: boolean
}
