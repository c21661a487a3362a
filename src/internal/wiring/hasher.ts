import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Argon2Node from "../../hasher/Argon2Node.ts"
import { loadPackage } from "./loadPackage.ts"

/** Argon2id of Node, or of the package `argon2` where Node has none. The package is loaded only then. */
export const layerArgon2 = Argon2Node.layerPeppers().pipe(
  Layer.catchTag("Argon2Unavailable", () =>
    Layer.unwrap(
      Effect.map(
        loadPackage("Before Node 24.7, hashing", "argon2", () => import("../../hasher/Argon2.ts")),
        (Argon2) => Argon2.layerPeppers(),
      ),
    ),
  ),
)
