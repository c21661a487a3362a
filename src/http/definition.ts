/**
 * The HTTP interface as a definition: group, middleware and problems. No server code, so a browser bundle of the derived client stays
 * small.
 * @since 0.1.0
 */
export * from "./ApiKeyAuth.ts"
export {
  ApiKeysApi,
  ApiKeysGroup,
  type ApiKeysProblem,
  type ApiKeysProblems,
  make as makeApiKeysGroup,
  type ProblemsOf,
  RequestProblems,
} from "./ApiKeysGroup.ts"
export { LeaksApi, LeaksGroup, type LeaksProblem, type LeaksProblems, make as makeLeaksGroup } from "./LeaksGroup.ts"
export * as Problem from "./Problem.ts"
