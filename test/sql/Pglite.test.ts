import { repositoryContract } from "../../src/testing/index.ts"
import * as Pglite from "../../src/sql/Pglite.ts"

repositoryContract("PGlite in memory", Pglite.layerPglite())
