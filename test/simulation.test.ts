import * as Pglite from "../src/sql/Pglite.ts"
import { layerRepository, verificationSimulation } from "../src/testing/index.ts"

verificationSimulation("a store in memory", layerRepository)
verificationSimulation("PGlite", Pglite.layerPglite(), { steps: 2_000 })
