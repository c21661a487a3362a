// What a user writes by hand: Fastify, `pg` and SHA-256, with the checks that the server of the project makes of a key. The table has no notes of
// use and no rotation, and nothing is told to other nodes. PEER_CACHE=map remembers each key that was found, for ever.
import { createHash } from "node:crypto"
import Fastify, { type FastifyReply, type FastifyRequest } from "fastify"
import { Pool } from "pg"

interface Key {
  readonly id: string
  readonly name: string
  readonly owner_id: string | null
  readonly scopes: ReadonlyArray<string>
  readonly metadata: Record<string, unknown>
  readonly is_active: boolean
  readonly expires_at: Date | null
  readonly created_at: Date
}

const pool = new Pool({ connectionString: process.env["DATABASE_URL"], max: 10 })
const kept = process.env["PEER_CACHE"] === "map" ? new Map<string, Key>() : undefined

const find = async (token: string): Promise<Key | undefined> => {
  const hash = createHash("sha256").update(token).digest("hex")
  const known = kept?.get(hash)
  if (known !== undefined) return known
  const text = "SELECT id, name, owner_id, scopes, metadata, is_active, expires_at, created_at FROM peer_keys WHERE hash = $1"
  const { rows } = await pool.query<Key>({ name: "find", text, values: [hash] })
  if (rows[0] !== undefined) kept?.set(hash, rows[0])
  return rows[0]
}

const judge = (key: Key | undefined, scopes: ReadonlyArray<string>): string | undefined => {
  if (key === undefined) return "NotFound"
  if (!key.is_active) return "Inactive"
  if (key.expires_at !== null && key.expires_at.getTime() <= Date.now()) return "Expired"
  return key.scopes.includes("*") || scopes.every((scope) => key.scopes.includes(scope)) ? undefined : "InsufficientScope"
}

const show = ({
  id,
  name,
  owner_id: ownerId,
  scopes,
  metadata,
  is_active: isActive,
  expires_at: expiresAt,
  created_at: createdAt,
}: Key) => ({
  id,
  name,
  ownerId,
  scopes,
  metadata,
  isActive,
  expiresAt: expiresAt?.toISOString() ?? null,
  createdAt: createdAt.toISOString(),
})

const callers = new WeakMap<FastifyRequest, Key>()

const protect = (...scopes: ReadonlyArray<string>) => ({
  preHandler: async (request: FastifyRequest, reply: FastifyReply) => {
    const [scheme, token = ""] = request.headers.authorization?.split(" ") ?? []
    const key = scheme?.toLowerCase() === "bearer" ? await find(token) : undefined
    const reason = judge(key, scopes)
    if (key === undefined || reason !== undefined) return reply.code(reason === "InsufficientScope" ? 403 : 401).send({ error: reason })
    callers.set(request, key)
  },
})

const token = { type: "string", minLength: 1 }
const scopes = { type: "array", items: { type: "string" } }
const body = { type: "object", properties: { token, scopes }, required: ["token"], additionalProperties: false }

const app = Fastify({ bodyLimit: 65_536, ajv: { customOptions: { removeAdditional: false } } })
app.get("/protected", protect(), (request, reply) => {
  const key = callers.get(request)!
  return reply.send({ message: `Hello, ${key.name}`, apiKey: show(key) })
})
app.post<{ Body: { readonly token: string; readonly scopes?: ReadonlyArray<string> } }>(
  "/api-keys/verify",
  { ...protect("api-keys:verify"), schema: { body } },
  async (request, reply) => {
    const key = await find(request.body.token)
    const error = judge(key, request.body.scopes ?? [])
    reply.header("cache-control", "no-store")
    return key === undefined || error !== undefined ? { valid: false, error } : { valid: true, apiKey: show(key), checkedAt: new Date() }
  },
)
process.stdout.write(`${await app.listen({ host: "127.0.0.1", port: 0 })}\n`)
