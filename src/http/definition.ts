/**
 * The HTTP interface as a definition: group, middleware and problems. No server code, so a browser bundle of the derived client stays
 * small.
 * @since 0.1.0
 */
export * from "../internal/http/ApiKeyAuth.ts"
export {
  ApiKeysApi,
  ApiKeysGroup,
  type ApiKeysProblem,
  type ApiKeysProblems,
  make as makeApiKeysGroup,
  type ProblemsOf,
  RequestProblems,
} from "../internal/http/ApiKeysGroup.ts"
export { LeaksApi, LeaksGroup, type LeaksProblem, type LeaksProblems, make as makeLeaksGroup } from "../internal/http/LeaksGroup.ts"
export * as Problem from "../internal/http/Problem.ts"
