export declare const statements: {
  readonly "0001_create_api_keys": typeof createApiKeys
  readonly "0002_announce_changes": typeof announceChanges
  readonly "0003_rotate_tokens": typeof rotateTokens
  readonly "0004_note_deactivation": typeof noteDeactivation
  readonly "0006_remember_reports": typeof rememberReports
  readonly "0008_note_peppers": typeof notePeppers
  readonly "0009_keep_policies": typeof keepPolicies
  readonly "0010_note_seals": typeof noteSeals
  readonly "0011_index_kinds": typeof indexKinds
  readonly "0012_index_idle_timeouts": typeof indexIdleTimeouts
  readonly "0013_keep_meters": typeof keepMeters
}

export type MigrationName = keyof typeof statements
