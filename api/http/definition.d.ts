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
