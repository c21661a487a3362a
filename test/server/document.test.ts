/**
 * The document is the server's: requests that are made from it alone are taken, and each answer is one that it tells of, by status, type
 * and body. Requests that break it a little are answered as it says too.
 */
import { generateKeyPairSync, sign } from "node:crypto"
import { assert, layer as describeWith } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import formats from "ajv-formats"
import { Arbitrary, Effect, type JsonSchema, Redacted, type Schema, SchemaRepresentation } from "effect"
import { HttpServer } from "effect/http"
import { OpenApi } from "effect/http-api"
import * as ApiKeys from "../../src/ApiKeys.ts"
import { ServerApi } from "../../src/internal/server/api.ts"
import { defaultLimits } from "../../src/internal/server/limits.ts"
import { layerServer } from "../support/server.ts"

const requestsOfEach = Number(process.env["DOCUMENT_REQUESTS"] ?? 60)

const github = generateKeyPairSync("ec", { namedCurve: "P-256" })
const signingKeys = [{ identifier: "k1", publicKey: github.publicKey.export({ type: "spki", format: "pem" }).toString() }]

const server = layerServer({ leaks: { signingKeys, revokeByPossession: true, revocationsPerSecond: 1_000 } })

const spec = OpenApi.fromApi(ServerApi)
// The document's own references become those of a schema that stands alone.
const standalone = <A extends object>(schema: A): A => JSON.parse(JSON.stringify(schema).replaceAll('"#/components/schemas/', '"#/$defs/'))
const $defs = standalone(spec.components.schemas)

const ajv = formats.default(new Ajv2020({ strict: false, allErrors: true }))
const compile = (schema: object) => ajv.compile({ ...standalone(schema), $defs })

type Fields = Readonly<Record<string, unknown>>
interface Request {
  readonly path: Fields
  readonly query: Fields
  readonly header: Fields
  readonly body?: unknown
}

const places = ["path", "query", "header"] as const

const describeOperation = (method: string, path: string, operation: OpenApi.OpenAPISpecOperation) => {
  const objectOf = (place: string) => {
    const parameters = operation.parameters.filter((parameter) => parameter.in === place)
    return {
      type: "object",
      properties: Object.fromEntries(parameters.map(({ name, schema }) => [name, schema])),
      required: parameters.filter(({ required }) => required).map(({ name }) => name),
      additionalProperties: false,
    }
  }
  const body = operation.requestBody?.content["application/json"]?.schema
  const schema = {
    type: "object",
    properties: { ...Object.fromEntries(places.map((place) => [place, objectOf(place)])), ...(body === undefined ? {} : { body }) },
    required: [...places, ...(body === undefined ? [] : ["body"])],
    additionalProperties: false,
  }
  const responses = new Map(
    Object.entries(operation.responses).map(([status, { content }]) => [
      Number(status),
      new Map(Object.entries(content ?? {}).map(([type, media]) => [type, compile(media.schema)])),
    ]),
  )
  const validate = compile(schema)
  const { $ref } = body ?? {}
  const fields = typeof $ref === "string" ? spec.components.schemas[$ref.replace(/.*\//, "")] : body
  return {
    name: `${method.toUpperCase()} ${path}`,
    method,
    path,
    parameters: operation.parameters,
    schema,
    responses,
    allows: (request: unknown): boolean => validate(request),
    hasBody: body !== undefined,
    bodyFields: Object.keys(fields?.["properties"] ?? {}),
  }
}
type Operation = ReturnType<typeof describeOperation>

const operations = Object.entries(spec.paths).flatMap(([path, item]) =>
  (["get", "post", "patch", "delete"] as const).flatMap((method) => {
    const operation = item[method]
    return operation === undefined ? [] : [describeOperation(method, path, operation)]
  }),
)

const arbitraryOf = ({ schema }: Operation) => {
  const document: JsonSchema.Document<"draft-2020-12"> = { dialect: "draft-2020-12", schema: standalone(schema), definitions: $defs }
  // The schema is of a request, which its type doesn't tell.
  return Arbitrary.schema(SchemaRepresentation.fromJsonSchemaDocument(document, { patterns: "apply" }) as Schema.Codec<Request>)
}

interface Sent {
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Whether a report is signed as its own headers don't say. Default: yes. */
  readonly isSigned?: boolean
  /** Instead of the body's JSON. */
  readonly text?: string | undefined
}

const send = (operation: Operation, request: Request, { token, headers = {}, isSigned = true, text }: Sent) =>
  Effect.gen(function* () {
    const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
    const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(request.path[name])))
    const query = Object.entries(request.query).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((each) => `${name}=${encodeURIComponent(String(each))}`),
    )
    const body = text ?? (operation.hasBody ? JSON.stringify(request.body) : undefined)
    const signature =
      body === undefined || operation.path !== "/leaks" || !isSigned ? undefined : sign("sha256", Buffer.from(body), github.privateKey)
    const target = `${path}${query.length === 0 ? "" : `?${query.join("&")}`}`
    const response = yield* Effect.promise(() =>
      fetch(url + target, {
        method: operation.method.toUpperCase(),
        headers: {
          ...Object.fromEntries(Object.entries(request.header).map(([name, value]) => [name, String(value)])),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(signature === undefined
            ? {}
            : { "github-public-key-identifier": "k1", "github-public-key-signature": signature.toString("base64") }),
          ...headers,
        },
        ...(body === undefined ? {} : { body }),
      }),
    )
    const answer = yield* Effect.promise(() => response.text())
    const said =
      `${operation.name} ${target.slice(0, 600)} ${JSON.stringify(request.header)} ${body ?? ""} -> ${response.status} ${answer}`.slice(
        0,
        3_000,
      )
    const documented = operation.responses.get(response.status)
    assert.isDefined(documented, said)
    const type = (response.headers.get("content-type") ?? "").replace(/;.*/, "")
    if (documented.size === 0) assert.deepStrictEqual([type, answer], ["", ""], said)
    else {
      const validate = documented.get(type)
      assert.isDefined(validate, said)
      assert.isTrue(validate(JSON.parse(answer)), `${said}\n${ajv.errorsText(validate.errors)}`)
    }
    return { status: response.status, said }
  })

/** What the document tells in words alone: a key is made with an expiry to come, and a page is read by one of two ways. */
const inWords = (request: Request): Request => {
  const { cursor, ...query } = request.query
  if (cursor !== undefined) return inWords({ ...request, query })
  const body = request.body
  if (typeof body !== "object" || body === null || !("expiresAt" in body) || typeof body.expiresAt !== "string") return request
  return Date.parse(body.expiresAt) > Date.now() ? request : { ...request, body: { ...body, expiresAt: null } }
}

/** The policies of a key that such a request is meant for: a quota can be changed by its name. */
const policiesFor = ({ body }: Request) =>
  typeof body === "object" && body !== null && "quota" in body ? { quotas: [{ name: String(body.quota), amount: 1_000 }] } : null

const makeKey = (scopes: ReadonlyArray<string>, isActive = true, policies: ReturnType<typeof policiesFor> = null) =>
  Effect.map(
    ApiKeys.ApiKeys.use((apiKeys) => Effect.orDie(apiKeys.create({ name: "caller", scopes, isActive, policies }))),
    ({ apiKey, token }) => ({ id: apiKey.id, token: Redacted.value(token) }),
  )

describeWith(server, { excludeTestServices: true })("the server and its document", (it) => {
  for (const operation of operations) {
    it.effect(`${operation.name} takes what the document allows, and answers as it says`, () =>
      Effect.gen(function* () {
        const admin = yield* makeKey(["*"])
        const sample = yield* Arbitrary.sampleEffect(arbitraryOf(operation), { count: requestsOfEach, size: 12, seed: operation.name })
        const requests = sample.filter((request) => operation.allows(request)).map(inWords)
        assert.isAbove(requests.length, requestsOfEach / 3, operation.name)
        const seen = new Set<number>()
        for (const [index, request] of requests.entries()) {
          // A key that is there, for most.
          const path = "id" in request.path && index % 4 > 0 ? { id: (yield* makeKey(["a"], true, policiesFor(request))).id } : request.path
          const { status, said } = yield* send(operation, { ...request, path }, { token: admin.token })
          assert.notInclude([400, 401, 413, 415], status, said)
          seen.add(status)
        }
        assert.isTrue(
          [200, 201, 202, 204].some((status) => seen.has(status)),
          `${operation.name}: ${Array.from(seen).join()}`,
        )
      }),
    )
  }
})

const sampleOf = (operation: Operation) =>
  Effect.map(Arbitrary.sampleEffect(arbitraryOf(operation), { count: 20, size: 4, seed: operation.name }), (sample) =>
    inWords(sample.find((request) => operation.allows(request))!),
  )

/** Requests that break the document in one place, of each kind that there is. */
const brokenOf = (operation: Operation, request: Request): ReadonlyArray<{ readonly request: Request; readonly sent: Sent }> => {
  const values: ReadonlyArray<unknown> = [
    "",
    " ",
    "!",
    "é",
    "\0",
    "%",
    "a/b",
    "x".repeat(600),
    -1,
    1.5,
    true,
    null,
    [],
    {},
    ["!"],
    { a: 1 },
  ]
  const inPlace = places.flatMap((place) => {
    // What an address or a header can't hold as a value of its own.
    const texts = values.filter((value) => typeof value === "string" && (place !== "path" || value.length > 0))
    const names = operation.parameters.filter((parameter) => parameter.in === place).map(({ name }) => name)
    const sendable = place === "header" ? texts.filter((value) => value !== "\0") : texts
    return [
      ...names.flatMap((name) => sendable.map((value) => ({ ...request, [place]: { ...request[place], [name]: value } }))),
      // An operation without parameters of the query doesn't look at it.
      ...(place === "query" && names.length > 0 ? [{ ...request, query: { ...request.query, unheardOf: "1" } }] : []),
    ]
  })
  const body = request.body
  const fields = typeof body === "object" && body !== null && !Array.isArray(body) ? body : undefined
  const names = operation.bodyFields
  const inBody = !operation.hasBody
    ? []
    : [
        ...values.map((value) => value),
        ...(fields === undefined
          ? []
          : [
              ...names.flatMap((name) => values.map((value) => ({ ...fields, [name]: value }))),
              ...names.map((name) => Object.fromEntries(Object.entries(fields).filter(([each]) => each !== name))),
              // Those who report leaks may say more than is asked for.
              ...(operation.path.startsWith("/leaks") ? [] : [{ ...fields, unheardOf: 1 }]),
            ]),
      ].map((changed) => ({ ...request, body: changed }))
  const refused = [...inPlace, ...inBody]
    .filter((each) => !operation.allows(each))
    .map((each) => ({ request: each, sent: { isSigned: each.header === request.header } }))
  const otherwise: ReadonlyArray<Sent> = operation.hasBody
    ? [
        { text: "" },
        { text: "{" },
        { text: "x".repeat(defaultLimits.bodyBytes + 1) },
        // Of a report, the signature says what it is.
        ...(operation.path === "/leaks" ? [] : ["text/plain", "application/xml", "application/jsonx", "x"]).map((type) => ({
          headers: { "content-type": type },
        })),
      ]
    : []
  return [...refused, ...otherwise.map((sent) => ({ request, sent }))]
}

describeWith(server, { excludeTestServices: true })("the server and its document, otherwise", (it) => {
  for (const operation of operations) {
    it.effect(`${operation.name} refuses what the document doesn't allow, as it says`, () =>
      Effect.gen(function* () {
        const { token } = yield* makeKey(["*"])
        const request = yield* sampleOf(operation)
        const path = "id" in request.path ? { id: (yield* makeKey(["a"])).id } : request.path
        for (const broken of brokenOf(operation, { ...request, path })) {
          const { status, said } = yield* send(operation, broken.request, { token, ...broken.sent })
          assert.isTrue(status >= 400 && status < 500, said)
        }
      }),
    )

    it.effect(`${operation.name} answers callers of every kind as the document says`, () =>
      Effect.gen(function* () {
        const request = yield* sampleOf(operation)
        const lacking = yield* makeKey(["nothing:much"])
        const inactive = yield* makeKey(["*"], false)
        for (const token of [undefined, "nonsense", "", lacking.token, inactive.token, `${inactive.token}x`]) {
          yield* send(operation, request, { token })
          yield* send(operation, request, { token, headers: { "x-api-key": lacking.token } })
          // The key itself, where there is one.
          if ("id" in request.path) yield* send(operation, { ...request, path: { id: lacking.id } }, { token })
        }
        const long = { ...request, query: { ...request.query, long: "x".repeat(defaultLimits.urlLength) } }
        yield* send(operation, long, { token: lacking.token })
      }),
    )
  }

  it.effect("answers that take a history are as the document says too", () =>
    Effect.gen(function* () {
      const { token } = yield* makeKey(["*"])
      const find = (name: string) => operations.find((operation) => operation.name === name)!
      const get = find("GET /api-keys/{id}")
      const rotate = find("POST /api-keys/{id}/rotate")
      const self = yield* makeKey(["api-keys:rotate-self"])
      const request = (header: Fields = {}, body: unknown = {}): Request => ({ path: { id: self.id }, query: {}, header, body })
      const statuses = [
        yield* send(get, request({ "if-none-match": "*" }), { token }),
        yield* send(get, request({ "if-match": '"77"' }), { token }),
        yield* send(rotate, request({ "if-match": '"77"' }), { token }),
        yield* send(rotate, request(), { token: self.token }),
        yield* send(rotate, request({}, { ifPrevious: "refuse" }), { token }),
        yield* send(rotate, request(), { token: self.token }),
      ].map(({ status }) => status)
      assert.deepStrictEqual(statuses, [304, 412, 412, 200, 409, 403])
    }),
  )
})

describeWith(layerServer(), { excludeTestServices: true })("the server and its document, without reports of leaks", (it) => {
  for (const operation of operations.filter(({ path }) => path.startsWith("/leaks"))) {
    it.effect(`${operation.name} isn't offered, as the document says`, () =>
      Effect.gen(function* () {
        const { status } = yield* send(operation, yield* sampleOf(operation), {})
        assert.strictEqual(status, 404)
      }),
    )
  }
})
