/** What the tests here share. */
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Context, Effect, Layer, Logger, Redacted, Scope } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { RepositoryError } from "../../../src/ApiKeyError.ts"
import { layerEphemeral } from "../../../src/ApiKeyHasher.ts"
import * as ApiKeyRepository from "../../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../../src/ApiKeys.ts"
import * as ApiKeyToken from "../../../src/ApiKeyToken.ts"
import type { KeyPolicy } from "../../../src/KeyPolicy.ts"
import type { LeakOptions } from "../../../src/http/implementation.ts"
import { routesWith } from "../../../src/internal/server/routes.ts"

export type Repository = ApiKeyRepository.ApiKeyRepository["Service"]

export type Test<A, E> = (apiKeys: ApiKeys.ApiKeys["Service"], url: string, logged: ReadonlyArray<string>) => Effect.Effect<A, E>

/** The keys outlive the server, which stops before this ends, and may be asked for by `after`. */
export const withServer = <A, E, F = never>(
  leaks: LeakOptions,
  test: Test<A, E>,
  {
    store = (repository) => repository,
    after,
    policies = [],
  }: {
    readonly policies?: ReadonlyArray<KeyPolicy>
    readonly store?: (repository: Repository) => Repository
    readonly after?: Test<void, F>
  } = {},
) => {
  const logged: Array<string> = []
  const logger = Logger.make(({ message, cause }) => void logged.push(JSON.stringify([message, cause])))
  const repository = Layer.effect(ApiKeyRepository.ApiKeyRepository, Effect.map(ApiKeyRepository.ApiKeyRepository, store)).pipe(
    Layer.provide(Layer.fresh(ApiKeyRepository.layerMemory)),
  )
  const services = ApiKeys.layerWith({ lastUsedInterval: "10 millis", policies }).pipe(
    Layer.provide(layerEphemeral),
    Layer.provideMerge(repository),
  )
  const server = HttpRouter.serve(routesWith({ leaks }), { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "1 second" })),
  )
  return Effect.gen(function* () {
    const apiKeys = yield* ApiKeys.ApiKeys
    const scope = yield* Scope.make()
    const built = yield* Layer.buildWithScope(server, scope)
    const url = HttpServer.formatAddress(Context.get(built, HttpServer.HttpServer).address)
    const result = yield* Effect.onExit(test(apiKeys, url, logged), (exit) => Scope.close(scope, exit))
    if (after !== undefined) yield* after(apiKeys, url, logged)
    return result
  }).pipe(Effect.provide(Layer.provideMerge(services, Logger.layer([logger]))))
}

export const post = (url: string, body: string, headers: Record<string, string> = {}) =>
  Effect.promise(async (signal) => {
    const response = await fetch(url, { method: "POST", body, signal, headers: { "content-type": "application/json", ...headers } })
    const text = await response.text()
    return { status: response.status, text, body: text === "" ? undefined : JSON.parse(text) }
  })

export const create = (apiKeys: ApiKeys.ApiKeys["Service"]) =>
  Effect.map(apiKeys.create({ name: "k" }), ({ apiKey, token }) => ({ id: apiKey.id, token: Redacted.value(token) }))

export const wellFormed = (seed: number) => {
  const body = `ak-${seed.toString(16).padStart(16, "0")}-${"x".repeat(58)}`
  return body + ApiKeyToken.checksum(body)
}

export const unknown = wellFormed(0x0123456789abcd)

export const eventually = <A, E>(attempt: Effect.Effect<A, E>, isDone: (value: A) => boolean): Effect.Effect<A, E> =>
  Effect.flatMap(attempt, (value) =>
    isDone(value) ? Effect.succeed(value) : Effect.andThen(Effect.sleep("10 millis"), eventually(attempt, isDone)),
  )

export const unreachable = new RepositoryError({ operation: "update", isRetryable: true, cause: "The connection was lost" })
