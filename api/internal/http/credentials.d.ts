export interface CredentialOptions {
  readonly accept?: ReadonlyArray<string> | undefined
  readonly foreignAuthorization?: "ignore" | "refuse" | undefined
}
