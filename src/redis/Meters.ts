/**
 * Keeps the balances of quotas and rate limits in Redis, for programs whose keys aren't in PostgreSQL. The store on PostgreSQL has balances of
 * its own, in the same database as the keys.
 *
 * **Loss of data.** A balance that Redis loses is full again: rate limits for a window, and **quotas for good**. Quotas need a Redis with
 * `appendonly yes` and `maxmemory-policy noeviction`. By default (`appendfsync everysec`) a crash still loses the units of a second, and so may a
 * failover to a replica. PostgreSQL is the better place for quotas that are paid for.
 *
 * **Keys.** A meter is a hash, `<prefix>{<meter>}`. That of a rate limit expires two windows and a lease after its last use. That of a quota stays,
 * also when its API key is deleted. A change of a quota by hand is a string, `<prefix>change:<length>:{<meter>}<request>`, which expires after
 * 30 days. On Redis Cluster, the braces keep both in one slot.
 *
 * Needs the packages `@effect/platform-node` and `redis` (node-redis, 5 or later), and Redis 6 or later. The program's Redis user needs the keys
 * `<prefix>*`, and the commands `EVALSHA`, `EVAL`, `TIME`, `HGETALL`, `HSET`, `HDEL`, `PEXPIRE`, `GET` and `SET`.
 * @since 0.1.0
 */
import { createHash } from "node:crypto"
import { NodeRedis } from "@effect/platform-node/NodeRedis"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { type Adjustment, type LeaseRequest, Meters, MetersError, type QuotaRule, type RateRule } from "../Meters.ts"

/** @category models @since 0.1.0 */
export interface RedisOptions {
  /** The start of the names of the keys. Programs that share a Redis, but not their API keys, have a prefix each. Default: `effect-api-key:`. */
  readonly prefix?: string | undefined
}

/**
 * The meters in Redis. Redis's clock counts, not those of the nodes.
 *
 * A lease is one run of a script, and the leases of several meters are sent together. An operation without an answer within a second fails with
 * `MetersError`, and isn't sent later.
 * @category layers
 * @since 0.1.0
 * @example
 * ```ts
 * import * as NodeRedis from "@effect/platform-node/NodeRedis"
 * import { Config, Layer } from "effect"
 * import * as Meters from "effect-api-key/redis/Meters"
 *
 * // Beside a repository that has no meters.
 * const meters = Meters.layerRedis({ prefix: "shop:" }).pipe(
 *   Layer.provide(NodeRedis.layerConfig({ url: Config.String("REDIS_URL") })),
 * )
 * ```
 */
export const layerRedis = (options: RedisOptions = {}): Layer.Layer<Meters, never, NodeRedis> =>
  Layer.effect(
    Meters,
    Effect.map(NodeRedis, ({ client }) => make(client, options.prefix ?? "effect-api-key:")),
  )

type Client = NodeRedis["Service"]["client"]

/** The time in which Redis has to answer. */
const patience = Duration.seconds(1)

const make = (client: Client, prefix: string): Meters["Service"] => {
  const keyOf = (meter: string): string => `${prefix}{${meter}}`

  // With the length, no two changes have one key, whatever is in the names.
  const keysOfChange = ({ meter, request }: Adjustment): Array<string> =>
    request === null ? [keyOf(meter)] : [keyOf(meter), `${prefix}change:${request.length}:{${meter}}${request}`]

  /** Commands wait while the client reconnects. The signal withdraws those that weren't sent. */
  const send = <A>(commands: (client: Client) => Promise<A>): Effect.Effect<A, MetersError> =>
    Effect.tryPromise({
      try: (signal) => commands(client.withCommandOptions({ abortSignal: signal, typeMapping: {} })),
      catch: (cause) => new MetersError({ cause }),
    }).pipe(
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () => Effect.fail(new MetersError({ cause: new Error("Redis doesn't answer") })),
      }),
    )

  return {
    scope: "shared",
    lease: (requests) =>
      Effect.flatMap(
        // node-redis writes the commands of one tick together.
        send((client) =>
          Promise.all(requests.map((request) => run(client, leaseScript, [keyOf(request.meter)], argumentsOfLease(request)))),
        ),
        understood(decodeLeases),
      ),
    adjust: (adjustment) =>
      Effect.flatMap(
        send((client) => run(client, adjustScript, keysOfChange(adjustment), argumentsOfChange(adjustment))),
        understood(decodeAdjusted),
      ),
  }
}

interface Script {
  readonly source: string
  readonly sha: string
}

/** A Redis that was restarted doesn't know the script. */
const run = (
  client: Client,
  { source, sha }: Script,
  keys: Array<string>,
  args: ReadonlyArray<string | number | null>,
): Promise<unknown> => {
  const options = { keys, arguments: args.map((arg) => String(arg ?? "")) }
  return client.evalSha(sha, options).catch((error: unknown) => {
    if (error instanceof Error && error.message.startsWith("NOSCRIPT")) return client.eval(source, options)
    throw error
  })
}

const argumentsOfLease = ({ rule, ...request }: LeaseRequest): ReadonlyArray<string | number | null> => {
  const { node, turn, lost, unspent, owed, least, waiting, surplus } = request
  return [rule._tag, node, turn, lost, unspent, owed, least, waiting, surplus, ...argumentsOfRule(rule)]
}

const argumentsOfChange = ({ rule, kind, units }: Adjustment) => [kind, units, ...argumentsOfRule(rule)]

const argumentsOfRule = (rule: QuotaRule | RateRule): ReadonlyArray<number | null> =>
  rule._tag === "Quota"
    ? [rule.amount, rule.begin, rule.end, rule.known, rule.add, rule.ceiling]
    : [rule.limit, rule.windowMillis, rule.leaseMillis]

const understood =
  <A>(decode: (reply: unknown) => Effect.Effect<A, unknown>) =>
  (reply: unknown): Effect.Effect<A, MetersError> =>
    Effect.mapError(decode(reply), (cause) => new MetersError({ cause }))

// Redis makes whole numbers of a script's numbers, so the scripts answer JSON texts.
const At = Schema.NullOr(Schema.Finite).pipe(
  Schema.decodeTo(Schema.Number, {
    decode: SchemaGetter.transform((at: number | null) => at ?? Number.NEGATIVE_INFINITY),
    encode: SchemaGetter.transform((at: number) => (Number.isFinite(at) ? at : null)),
  }),
)

const Lease = Schema.Struct({
  granted: Schema.Int,
  remaining: Schema.Int,
  holders: Schema.Int,
  at: At,
  now: Schema.Finite,
  waitMillis: Schema.Finite,
  resetMillis: Schema.Finite,
  isStale: Schema.Boolean,
})

const Adjusted = Schema.Struct({
  outcome: Schema.Literals(["done", "repeated", "conflict", "stale"]),
  units: Schema.Int,
  remaining: Schema.Int,
  at: At,
  now: Schema.Finite,
})

const decodeLeases = Schema.decodeUnknownEffect(Schema.Array(Schema.fromJsonString(Lease)))
const decodeAdjusted = Schema.decodeUnknownEffect(Schema.fromJsonString(Adjusted))

const script = (source: string): Script => ({ source, sha: createHash("sha1").update(source).digest("hex") })

// The arithmetic is that of `internal/meters/ledger.ts`, in the same order, so that the same doubles come out. The fields of a meter's hash are
// `used`, `at`, `full` and `first` of the ledger, `part <n>` for each part of a window with units, and `node <name>` for each holder, which is
// `<turn> <granted> <place> <until>`. `at` and `full` are left out while they are `-Infinity`.
//
// `%.17g` keeps each double. An absent number is the empty text, which `tonumber` makes `nil`.
const meter = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local state = { used = 0, at = -math.huge, full = -math.huge, first = 0 }
local parts, holders = {}, {}
local written, deleted = {}, {}

local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local name, value = fields[i], fields[i + 1]
  if name:sub(1, 5) == 'node ' then
    local turn, granted, place, till = value:match('^(%S+) (%S+) (%S+) (%S+)$')
    holders[name:sub(6)] = { turn = tonumber(turn), granted = tonumber(granted), place = tonumber(place), till = tonumber(till) }
  elseif name:sub(1, 5) == 'part ' then
    parts[tonumber(name:sub(6))] = tonumber(value)
  else
    state[name] = tonumber(value)
  end
end

local function exact(number)
  return string.format('%.17g', number)
end

local function put(name, value)
  written[#written + 1] = name
  written[#written + 1] = value
end

local function keep(name)
  if state[name] > -math.huge then put(name, exact(state[name])) end
end

local function forget(name)
  holders[name] = nil
  deleted[#deleted + 1] = 'node ' .. name
end

local function save()
  if #deleted > 0 then redis.call('HDEL', KEYS[1], unpack(deleted)) end
  redis.call('HSET', KEYS[1], unpack(written))
end

-- The arguments of the quota begin at the index.
local function refill(index)
  local amount, begins, ends, known = tonumber(ARGV[index]), tonumber(ARGV[index + 1]), tonumber(ARGV[index + 2]), tonumber(ARGV[index + 3])
  local adds, ceiling = tonumber(ARGV[index + 4]), tonumber(ARGV[index + 5])
  if (begins and now < begins) or (ends and now >= ends) then return false end
  if not begins or state.at >= begins then return true end
  if state.at > -math.huge then
    if known and known ~= state.at then return false end
    state.used = math.min(state.used, math.max(amount - ceiling, state.used - adds))
    for name in pairs(holders) do forget(name) end
  end
  state.at = begins
  keep('used')
  keep('at')
  return true
end

local function json(at)
  return at > -math.huge and exact(at) or 'null'
end
`

const leaseScript: Script = script(`${meter}
local rule, node = ARGV[1], ARGV[2]
local turn, lost, unspent, owed = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local least, waiting, surplus = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local limit = tonumber(ARGV[10])
local width, lease = tonumber(ARGV[11]), tonumber(ARGV[12])
local stale, sum, last, place = false, 0, 0, now

if rule == 'Quota' then
  stale = not refill(10)
elseif rule == 'Window' then
  state.first = math.max(state.first, math.floor(now * 64 / width) - 64)
  place = math.max(state.first + 64, math.floor((now + lease) * 64 / width))
  for part, units in pairs(parts) do
    if part < state.first then
      parts[part] = nil
      deleted[#deleted + 1] = 'part ' .. exact(part)
    else
      sum = sum + units
      last = math.max(last, part)
    end
  end
end

local function full()
  return math.max(state.at, now)
end

local function remaining()
  if rule == 'Quota' then return limit - state.used end
  if rule == 'Window' then return limit - sum end
  return math.floor((width - math.max(0, full() - now)) * limit / width + 1e-9)
end

local function change(part, units)
  sum = sum + units
  parts[part] = (parts[part] or 0) + units
  last = math.max(last, part)
  put('part ' .. exact(part), exact(parts[part]))
end

local function take(units)
  if rule == 'Quota' then
    state.used = state.used + units
  elseif rule == 'Window' then
    change(place, units)
  else
    if state.at < now + lease then
      state.at = now + lease
      state.full = now
    end
    state.at = full() + units * width / limit
  end
end

local function give(units, from)
  if rule == 'Quota' then
    state.used = state.used - units
  elseif rule == 'Window' then
    if parts[from] then change(from, -math.min(units, parts[from])) end
  elseif from >= state.full then
    state.at = state.at - units * width / limit
  end
end

local others = 0
for name, holder in pairs(holders) do
  if holder.till <= now then
    forget(name)
  elseif name ~= node and holder.granted > 0 then
    others = others + 1
  end
end

local before = holders[node]
local granted = 0
if before and turn <= before.turn then
  if turn == before.turn then granted = before.granted end
elseif not stale then
  local back = 0
  if before then
    back = unspent
    if lost > 0 and before.turn >= lost then back = back + before.granted end
    if back > 0 then give(back, before.place) end
  end
  if owed > 0 then take(owed) end
  local left = remaining()
  local enough = math.min(waiting, left)
  if left > 0 and enough >= least then
    granted = enough + math.min(surplus, math.floor((left - enough) / (4 * (others + 1))))
  end
  if granted > 0 then take(granted) end
  if granted + back + owed > 0 then
    put('node ' .. node, string.format('%.17g %.17g %.17g %.17g', turn, granted, place, now + 30000))
    if rule == 'Quota' then
      keep('used')
    elseif rule == 'Window' then
      keep('first')
    else
      keep('at')
      keep('full')
    end
  end
end

if #written > 0 then
  save()
  if rule ~= 'Quota' then
    -- A bucket that owes units is full later.
    redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil(math.max(2 * width, state.at - now) + lease)))
  end
end

local function untilFree(lacking)
  if lacking <= 0 then return 0 end
  local gone = 0
  for part = state.first, last do
    gone = gone + (parts[part] or 0)
    if gone >= lacking then return (part + 65) * width / 64 - now end
  end
  return width
end

local function waitFor(units)
  return math.max(0, full() + units * width / limit - width - now)
end

local left = remaining()
local wait, reset = 0, 0
if rule == 'Window' then
  wait = untilFree(sum + least - limit)
  reset = untilFree(math.min(1, sum))
elseif rule == 'Bucket' then
  wait = waitFor(least)
  if left < limit then reset = waitFor(left + 1) end
end
return string.format(
  '{"granted":%.17g,"remaining":%.17g,"holders":%d,"at":%s,"now":%.17g,"waitMillis":%.17g,"resetMillis":%.17g,"isStale":%s}',
  granted, math.max(0, left), others + 1, rule == 'Quota' and json(state.at) or 'null', now, wait, reset, tostring(stale)
)`)

const adjustScript: Script = script(`${meter}
local kind, units, amount = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local stale = not refill(3)
local known = KEYS[2] and redis.call('GET', KEYS[2])
local outcome, applied = 'done', 0

if known then
  local knownKind, knownUnits, knownApplied = known:match('^(%S+) (%S+) (%S+)$')
  outcome = 'conflict'
  if knownKind == kind and tonumber(knownUnits) == units then outcome, applied = 'repeated', tonumber(knownApplied) end
elseif stale then
  outcome = 'stale'
else
  local used = state.used
  if kind == 'refund' then
    state.used = math.min(used, math.max(0, used - units))
  elseif units >= 0 then
    state.used = used - units
  else
    state.used = math.max(used, math.min(amount, used - units))
  end
  applied = used - state.used
  if applied ~= 0 then keep('used') end
  if KEYS[2] then redis.call('SET', KEYS[2], kind .. ' ' .. exact(units) .. ' ' .. exact(applied), 'PX', '2592000000') end
end

if #written > 0 then save() end
return string.format(
  '{"outcome":"%s","units":%.17g,"remaining":%.17g,"at":%s,"now":%.17g}',
  outcome, applied, math.max(0, amount - state.used), json(state.at), now
)`)
