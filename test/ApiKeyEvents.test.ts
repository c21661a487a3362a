/** Events and their listeners, on the store in memory. */
import { Layer } from "effect"
import { layerEphemeral } from "../src/ApiKeyHasher.ts"
import * as ApiKeyRepository from "../src/ApiKeyRepository.ts"
import { eventsSuite } from "./eventsSuite.ts"

eventsSuite("memory", Layer.merge(layerEphemeral, Layer.fresh(ApiKeyRepository.layerMemory)))
