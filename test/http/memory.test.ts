import { Layer } from "effect"
import * as Repository from "../../src/ApiKeyRepository.ts"
import { httpSuite } from "./httpSuite.ts"

httpSuite("memory", Layer.fresh(Repository.layerMemory))
