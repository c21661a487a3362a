import * as Pglite from "../../src/sql/Pglite.ts"
import { httpSuite } from "./httpSuite.ts"

httpSuite("PGlite", Pglite.layerPglite())
