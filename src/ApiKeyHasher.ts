/**
 * Turns secrets into hash strings and checks them. The layers are in `effect-api-key/hasher/*`; Argon2id is the default choice.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { HasherError } from "./ApiKeyError.ts"

/**
 * Hashes secrets and checks them against hash strings that describe themselves (PHC string format where one exists).
 *
 * `verify` gives `false` only for a wrong secret, in constant time; a hash string that it can't judge is a `HasherError`.
 * @category services
 * @since 0.1.0
 */
export class ApiKeyHasher extends Context.Service<
  ApiKeyHasher,
  {
    readonly hash: (secret: Redacted.Redacted) => Effect.Effect<Redacted.Redacted, HasherError>
    readonly verify: (secret: Redacted.Redacted, hash: Redacted.Redacted) => Effect.Effect<boolean, HasherError>
  }
>()("effect-api-key/ApiKeyHasher") {}
