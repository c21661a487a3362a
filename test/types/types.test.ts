/** What the types promise. `tsc` checks them; the assertions at run time are only there to have a test. */
import { Effect, type Layer, Option, type Redacted, type Schema, type Stream } from "effect"
import type { HttpClientError } from "effect/http"
import { Command } from "effect/cli"
import type { HttpApiClient } from "effect/http-api"
import { describe, expectTypeOf, it } from "vitest"
import type { ApiKey, StoredApiKey } from "../../src/ApiKey.ts"
import * as Errors from "../../src/ApiKeyError.ts"
import type { FailureTag } from "../../src/ApiKeyMetrics.ts"
import type { ApiKeyHasher } from "../../src/ApiKeyHasher.ts"
import type { ApiKeyRepository, Changes, Sort } from "../../src/ApiKeyRepository.ts"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { command } from "../../src/cli.ts"
import { runMain } from "../../src/cli/CommandLine.ts"
import { givenFields } from "../../src/internal/cli/keyFlags.ts"
import { CreatePayload, UpdatePayload } from "../../src/internal/http/wire.ts"
import { type Descriptions, fields } from "../../src/internal/record/fields.ts"
import type { ApiKeysApi, ApiKeysProblem, ApiKeysProblems, AuthProblem, LeaksApi, LeaksProblem } from "../../src/http/definition.ts"

type Service = ApiKeys.ApiKeys["Service"]
type ErrorOf<F> = F extends (...args: never) => Effect.Effect<unknown, infer E, infer _R> ? E : never

type Client = HttpApiClient.ForApi<typeof ApiKeysApi>["apiKeys"]
type LeaksClient = HttpApiClient.ForApi<typeof LeaksApi>["leaks"]
type ClientErrorOf<Name extends keyof Client> = ErrorOf<Client[Name]>
type Overload = Extract<ClientErrorOf<"verify">, { _tag: "OverloadedProblem" }>

describe("types", () => {
  it("the stored form is no record, nor the other way round", () => {
    expectTypeOf<StoredApiKey>().not.toExtend<ApiKey>()
    expectTypeOf<ApiKey>().not.toExtend<StoredApiKey>()
    expectTypeOf<StoredApiKey["hash"]>().toEqualTypeOf<Redacted.Redacted<string>>()
  })

  it("a description of a record leaves no decision out", () => {
    const { description, ...others } = fields
    const { update: _update, ...undecided } = description
    const asInstant = { ...description, column: { ...description.column, kind: "instant" } } as const
    const asRequired = { ...description, column: { ...description.column, isNullable: false } } as const
    void ({ ...others, description } satisfies Descriptions)
    // @ts-expect-error A field is missing.
    void (others satisfies Descriptions)
    // @ts-expect-error Nothing says who changes it.
    void ({ ...others, description: undecided } satisfies Descriptions)
    // @ts-expect-error A text is no instant.
    void ({ ...others, description: asInstant } satisfies Descriptions)
    // @ts-expect-error The field may be null.
    void ({ ...others, description: asRequired } satisfies Descriptions)
  })

  it("callers set what the description of a record lets them", () => {
    type Faces = "name" | "description" | "ownerId" | "scopes" | "metadata" | "policies" | "expiresAt"
    expectTypeOf<keyof typeof UpdatePayload.Type>().toEqualTypeOf<Faces>()
    expectTypeOf<keyof typeof CreatePayload.Type>().toEqualTypeOf<Faces | "isActive">()
    expectTypeOf<keyof ApiKeys.UpdateInput>().toEqualTypeOf<Faces | "isActive">()
    expectTypeOf<keyof ApiKeys.CreateInput>().toEqualTypeOf<Faces | "isActive">()
    expectTypeOf<keyof Changes>().toEqualTypeOf<Faces | "isActive" | "deactivatedAt" | "deactivationReason">()
    expectTypeOf<Sort["by"]>().toEqualTypeOf<"createdAt" | "name" | "lastUsedAt" | "expiresAt" | "tokenCreatedAt">()
  })

  it("operations fail with what they can fail with", () => {
    expectTypeOf<ErrorOf<Service["verify"]>["_tag"]>().toEqualTypeOf<
      | "MalformedToken"
      | "NotFound"
      | "InvalidSecret"
      | "Inactive"
      | "Expired"
      | "InsufficientScope"
      | "IpNotAllowed"
      | "PolicyRefused"
      | "RateLimited"
      | "QuotaExceeded"
      | "RepositoryError"
      | "HasherError"
      | "Overloaded"
    >()
    expectTypeOf<ErrorOf<Service["verify"]>>().toEqualTypeOf<Errors.VerifyError>()
    expectTypeOf<Exclude<Errors.VerifyError, Errors.InvalidKey>>().toEqualTypeOf<
      Errors.RepositoryError | Errors.HasherError | Errors.Overloaded
    >()
    expectTypeOf<(typeof Errors.refusalTags)[number]>().toEqualTypeOf<Errors.InvalidKey["_tag"]>()
    expectTypeOf<FailureTag>().toEqualTypeOf<Errors.VerifyError["_tag"]>()
    expectTypeOf<ErrorOf<Service["create"]>>().toEqualTypeOf<
      Errors.InvalidInput | Errors.TooManyKeys | Errors.RepositoryError | Errors.HasherError
    >()
    expectTypeOf<ErrorOf<Service["update"]>>().toEqualTypeOf<
      | Errors.InvalidInput
      | Errors.TooManyKeys
      | Errors.ApiKeyNotFound
      | Errors.VersionConflict
      | Errors.RepositoryError
      | Errors.Unconfirmed
    >()
    // A change of no owner can't be one too many.
    expectTypeOf<ErrorOf<Service["activate"]>>().toEqualTypeOf<
      Errors.InvalidInput | Errors.ApiKeyNotFound | Errors.VersionConflict | Errors.RepositoryError | Errors.Unconfirmed
    >()
    expectTypeOf<ApiKeys.Options["maxKeysPerOwner"]>().toEqualTypeOf<number | ((ownerId: string) => number) | undefined>()
    expectTypeOf<ErrorOf<Service["get"]>>().toEqualTypeOf<Errors.InvalidInput | Errors.ApiKeyNotFound | Errors.RepositoryError>()
    expectTypeOf<ErrorOf<Service["quotas"]>>().toEqualTypeOf<Errors.InvalidInput | Errors.ApiKeyNotFound | Errors.RepositoryError>()
    expectTypeOf<ErrorOf<Service["changeQuota"]>>().toEqualTypeOf<Errors.InvalidInput | Errors.ApiKeyNotFound | Errors.RepositoryError>()
    expectTypeOf<ErrorOf<Service["getByKeyId"]>>().toEqualTypeOf<Errors.InvalidInput | Errors.NotFound | Errors.RepositoryError>()
    expectTypeOf<ErrorOf<Service["deactivate"]>>().toEqualTypeOf<
      Errors.InvalidInput | Errors.ApiKeyNotFound | Errors.VersionConflict | Errors.RepositoryError | Errors.Unconfirmed
    >()
    expectTypeOf<ErrorOf<Service["rotate"]>["_tag"]>().toEqualTypeOf<
      "InvalidInput" | "ApiKeyNotFound" | "VersionConflict" | "GraceRunning" | "RepositoryError" | "HasherError" | "Unconfirmed"
    >()
    expectTypeOf<ErrorOf<Service["endGrace"]>>().toEqualTypeOf<
      Errors.InvalidInput | Errors.ApiKeyNotFound | Errors.VersionConflict | Errors.RepositoryError | Errors.Unconfirmed
    >()
    expectTypeOf<Stream.Error<ReturnType<Service["upcoming"]>>>().toEqualTypeOf<Errors.InvalidInput | Errors.RepositoryError>()
    expectTypeOf<ErrorOf<Service["count"]>>().toEqualTypeOf<Errors.InvalidInput | Errors.RepositoryError>()
  })

  it("refusals are caught together, after some were caught by tag too", () => {
    const caught = Option.none<Effect.Effect<void, Errors.VerifyError>>().pipe(
      Option.map((verify) =>
        verify.pipe(
          Effect.catchTag("Expired", () => Effect.void),
          Effect.catchIf(Errors.isRefusal, () => Effect.void),
        ),
      ),
    )
    type Left = typeof caught extends Option.Option<Effect.Effect<void, infer E>> ? E : never
    expectTypeOf<Left>().toEqualTypeOf<Exclude<Errors.VerifyError, Errors.InvalidKey>>()
  })

  it("a refusal that is added has to be decided upon: what the wire and a report of a leak make of it", () => {
    type Decided =
      | "MalformedToken"
      | "NotFound"
      | "InvalidSecret"
      | "Inactive"
      | "Expired"
      | "InsufficientScope"
      | "IpNotAllowed"
      | "PolicyRefused"
      | "RateLimited"
      | "QuotaExceeded"
    expectTypeOf<Errors.InvalidKey["_tag"]>().toEqualTypeOf<Decided>()
    const isProven = (error: Errors.InvalidKey): boolean => {
      switch (error._tag) {
        case "MalformedToken":
        case "NotFound":
        case "InvalidSecret":
          return false
        case "Inactive":
        case "Expired":
        case "InsufficientScope":
        case "IpNotAllowed":
        case "PolicyRefused":
        case "RateLimited":
        case "QuotaExceeded":
          return true
      }
    }
    expectTypeOf(isProven).returns.toBeBoolean()
  })

  it("the wire tells what of it a caller can act on", () => {
    expectTypeOf<Overload["_tag"]>().toEqualTypeOf<"OverloadedProblem">()
    expectTypeOf<Overload["retryAfterSeconds"]>().toEqualTypeOf<number>()
    expectTypeOf<Extract<ClientErrorOf<"deactivate">, { _tag: "UnconfirmedProblem" }>["nodes"]>().toEqualTypeOf<ReadonlyArray<string>>()
    expectTypeOf<Extract<ClientErrorOf<"rotate">, { _tag: "UnconfirmedProblem" }>["token"]>().toEqualTypeOf<Redacted.Redacted | undefined>()
    expectTypeOf<Extract<ClientErrorOf<"get">, { _tag: "UnconfirmedProblem" }>>().toEqualTypeOf<never>()
  })

  it("a derived client fails with the problems that are exported, and with what any client fails with", () => {
    type Usual = HttpClientError.HttpClientError | Schema.SchemaError
    expectTypeOf<ClientErrorOf<"rotate">>().toEqualTypeOf<ApiKeysProblems["rotate"] | Usual>()
    expectTypeOf<ClientErrorOf<"get">>().toEqualTypeOf<ApiKeysProblems["get"] | Usual>()
    expectTypeOf<ClientErrorOf<keyof Client>>().toEqualTypeOf<ApiKeysProblem | Usual>()
    expectTypeOf<keyof ApiKeysProblems>().toEqualTypeOf<keyof Client>()
    expectTypeOf<ErrorOf<LeaksClient[keyof LeaksClient]>>().toEqualTypeOf<LeaksProblem | Usual>()
    expectTypeOf<AuthProblem>().toExtend<ApiKeysProblem>()
    expectTypeOf<ApiKeysProblems["create"]["_tag"]>().toEqualTypeOf<
      AuthProblem["_tag"] | "ScopeNotHeldProblem" | "TooManyKeysProblem" | "UnsupportedMediaTypeProblem" | "BodyTooLargeProblem"
    >()
  })

  it("the layer needs a hasher and a repository, and nothing else", () => {
    expectTypeOf<Layer.Services<typeof ApiKeys.layer>>().toEqualTypeOf<ApiKeyHasher | ApiKeyRepository>()
    expectTypeOf<Layer.Services<typeof ApiKeys.layerMemory>>().toEqualTypeOf<never>()
  })

  it("two functions make a hasher", () => {
    expectTypeOf<Pick<ApiKeyHasher["Service"], "hash" | "verify">>().toExtend<ApiKeyHasher["Service"]>()
  })

  it("a command line runs once it has what its commands need", () => {
    // Compiled, and never called.
    const start = () => {
      runMain(command.pipe(Command.provide(ApiKeys.layerMemory)), { version: "1.0.0" })
      // @ts-expect-error the keys aren't provided
      runMain(command, { version: "1.0.0" })
    }
    expectTypeOf(start).returns.toBeVoid()
  })

  it("a flag gives a field of the input what that field takes", () => {
    expectTypeOf(givenFields<ApiKeys.UpdateInput>({ ownerId: Option.some(null) })).toEqualTypeOf<Partial<ApiKeys.UpdateInput>>()
    // @ts-expect-error an owner is a text
    givenFields<ApiKeys.UpdateInput>({ ownerId: Option.some(7) })
    // @ts-expect-error the input has no such field
    givenFields<ApiKeys.UpdateInput>({ owner: Option.some("acme") })
  })

  it("a token is redacted", () => {
    expectTypeOf<ApiKeys.Created["token"]>().toEqualTypeOf<Redacted.Redacted<string>>()
    // @ts-expect-error an id is no key id
    expectTypeOf<ApiKey["id"]>().toEqualTypeOf<ApiKey["keyId"]>()
  })
})
