/** What the HTTP interface promises, on whatever repository: byte by byte over a socket, as a stranger sees it. */
import { layer as describeWith } from "@effect/vitest"
import type { Layer } from "effect"
import type { ApiKeyRepository } from "../../src/ApiKeyRepository.ts"
import { authorization } from "./suite/authorization.ts"
import { records } from "./suite/records.ts"
import { requests } from "./suite/requests.ts"
import { rotation } from "./suite/rotation.ts"
import { makeSetup } from "./suite/setup.ts"

export const httpSuite = <E>(name: string, layerRepository: Layer.Layer<ApiKeyRepository, E>): void => {
  const setup = makeSetup(layerRepository)
  describeWith(setup.server, { excludeTestServices: true })(`HTTP on ${name}`, (it) => {
    for (const part of [records, authorization, rotation, requests]) part(it, setup)
  })
}
