/** Makes the changes of a simulated history, and checks each when it returns. */
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { ApiKey } from "../../../ApiKey.ts"
import type { Expired, Inactive, InvalidSecret, MalformedToken, NotFound } from "../../../ApiKeyError.ts"
import type * as ApiKeys from "../../../ApiKeys.ts"
import { set } from "../../../Scope.ts"
import { type Attempts, scopesOfKeys } from "./attempts.ts"
import type { Episode } from "./episode.ts"
import {
  answerOf,
  type Attempt,
  endOfPrevious,
  type History,
  isOver,
  lastOf,
  lastThere,
  shorten,
  type State,
  type Written,
} from "./model.ts"
import { patience } from "./knowledge.ts"
import type { Change } from "./heard.ts"
import { drawPolicies } from "./policies.ts"
import { CurrentChange, LosesAnswers, type SimulatedNode, type World } from "./world.ts"

export interface Changes {
  readonly create: (node: SimulatedNode) => Effect.Effect<void>
  /** Changes the given record, or a drawn one. A deleted record is restored. */
  readonly changeOne: (node: SimulatedNode, record?: History) => Effect.Effect<void>
  /**
   * Changes a record and loses the answer. No verification uses the record's tokens until the change is no longer in doubt. Answers from then on
   * must not use older memories.
   */
  readonly changeQuietly: (node: SimulatedNode) => Effect.Effect<void>
}

/** The interval at which a node repeats its question for a confirmation, in milliseconds. */
const askAgain = 500

interface Failure {
  readonly _tag: string
}

/** The beginning of a change. */
interface Since {
  readonly moment: number
  readonly millis: number
}

/** A requested change, and the outcomes that are allowed. */
interface Asked<A, E extends Failure> {
  /** The operation with its options, for the log. */
  readonly operation: string
  /** The record's id. `undefined` if the change creates the record. */
  readonly id: string | undefined
  readonly confirmWithin?: unknown
  readonly ifVersion?: number | undefined
  /** Whether this change may fail with the error, besides the failures that every change may have. */
  readonly isExpected?: (error: E, since: Since) => boolean
  /** Returns the fault of the result, if any. */
  readonly check?: (result: A, written: Written | undefined) => string | undefined
}

export const makeChanges = (episode: Episode, world: World, attempts: Attempts, nodes: ReadonlyArray<SimulatedNode>): Changes => {
  const { setting, statistics, records, confirmed, storeFailedAt, chance, draw, pick, millis, tick, log, fail } = episode

  const restoring = new Set<History>()

  /** Runs a change, and judges its outcome. */
  const change = <A, E extends Failure>(node: SimulatedNode, asked: Asked<A, E>, effect: Effect.Effect<A, E>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const made: Change = { written: undefined, isAnswerLost: false }
      const since = { moment: tick(), millis: millis() }
      statistics.changes++
      world.heard.expect(made)
      return Effect.exit(node.run(Effect.provideService(effect, CurrentChange, made))).pipe(
        Effect.map((exit) => judge(node, asked, made, since, exit)),
      )
    })

  const judge = <A, E extends Failure>(
    node: SimulatedNode,
    asked: Asked<A, E>,
    made: Change,
    since: Since,
    exit: Exit.Exit<A, E>,
  ): void => {
    const { operation, confirmWithin } = asked
    const { written } = made
    const id = asked.id ?? written?.after.apiKey?.id
    const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
    const wrong = (reason: string): void => fail(id, `${node.name} ${reason}`)
    log(id, `${node.name} returns from ${operation}: ${Exit.isSuccess(exit) ? "done" : (error?._tag ?? Cause.pretty(exit.cause))}`)
    if (Exit.isFailure(exit) && (error === undefined || !isExpected(error, asked, made, since))) {
      return wrong(`failed to ${operation}: ${Cause.pretty(exit.cause)}`)
    }
    const broken = Exit.isSuccess(exit) ? asked.check?.(exit.value, written) : undefined
    if (broken !== undefined) return wrong(`did ${operation}, and ${broken}`)
    if (written === undefined) return
    const { keyIds, moment } = written
    // The node applied the change when the store had it, however long the confirmation took. So it need know of nothing later.
    const known = moment + 0.5
    tick()
    for (const keyId of keyIds) node.model.learn(keyId, known)
    if (!setting.announcesWrites) {
      const untold = keyIds.find((keyId) => node.model.toldAt(keyId) < moment)
      if (untold !== undefined) return wrong(`didn't tell the others of ${shorten(untold)} that it did ${operation}`)
    }
    if (confirmWithin === undefined || made.isAnswerLost) return
    if (Exit.isFailure(exit)) {
      statistics.unconfirmed++
      // Without nodes in the error, the node hadn't found out yet which nodes to ask.
      const hasBegun = error !== undefined && "nodes" in error && Array.isArray(error.nodes) && error.nodes.length > 0
      const asks = keyIds.map((keyId) => node.model.askedAt(keyId)).filter((ask) => ask !== undefined && ask.moment > moment)
      if (hasBegun && asks.length > 0 && asks.every((ask) => ask !== undefined && ask.millis < millis() - askAgain)) {
        wrong("gave up on a confirmation, and hadn't asked again")
      }
      return
    }
    statistics.confirmed++
    // Every verification that begins from now on must know of the change.
    for (const keyId of keyIds) confirmed.set(keyId, Math.max(confirmed.get(keyId) ?? 0, known))
  }

  /** Whether a change may fail with the error. Causes: a faster change, a node that didn't answer, a simulated failure of the store. */
  const isExpected = <A, E extends Failure>(error: E, asked: Asked<A, E>, made: Change, since: Since): boolean => {
    if (made.isAnswerLost) return error._tag === "RepositoryError"
    switch (error._tag) {
      case "ApiKeyNotFound":
        return true
      case "VersionConflict":
        return asked.ifVersion !== undefined
      case "Unconfirmed":
        return asked.confirmWithin !== undefined
      case "RepositoryError":
        return hasFailedSince(asked.id, since)
      default:
        return asked.isExpected?.(error, since) ?? false
    }
  }

  const hasFailedSince = (id: string | undefined, since: Since): boolean => {
    const record = id === undefined ? undefined : records.find(id)
    return record !== undefined && [record.id, ...record.keyIds].some((name) => (storeFailedAt.get(name) ?? -1) > since.moment)
  }

  /** Whether the condition has held for the record at some moment since. */
  const wasSince = (id: string, since: Since, condition: (state: State) => boolean): boolean =>
    records.find(id)?.states.some((state) => state.until >= since.moment && condition(state)) ?? false

  const expiryFor = ({ skew }: SimulatedNode): DateTime.Utc | null => {
    const now = Math.floor(millis()) + skew
    if (chance(50)) return null
    return DateTime.makeUnsafe(chance(50) ? now + 50 + draw(4_000) : now + 10_000 + draw(60_000))
  }
  const policiesFor = ({ knowsNewer, skew }: SimulatedNode) => drawPolicies(episode, knowsNewer, millis() + skew)
  const scopesFor = () => set(...scopesOfKeys.filter(() => chance(75)))

  const create = (node: SimulatedNode): Effect.Effect<void> =>
    change(
      node,
      { operation: "create", id: undefined },
      node.apiKeys.create({
        name: "k",
        scopes: scopesFor(),
        policies: chance(70) ? null : policiesFor(node),
        expiresAt: chance(70) ? null : expiryFor(node),
      }),
    )

  const changeOne: Changes["changeOne"] = (node, record = attempts.drawRecord()) => {
    if (record === undefined) return attempts.verify(node, attempts.draw())
    const { apiKey } = lastOf(record)
    if (apiKey === undefined) return restore(record)
    const confirmWithin = chance(25) ? 1_000 + draw(12_000) : undefined
    const ifVersion = chance(20) ? apiKey.version : undefined
    const changing = drawChange(node, record, apiKey, { confirmWithin, ifVersion })
    // Verifications before the change make all nodes remember the tokens. Those after it show whether the nodes have forgotten them.
    return confirmWithin !== undefined && chance(25) ? Effect.andThen(askAll(record), Effect.andThen(changing, askAll(record))) : changing
  }

  const changeQuietly: Changes["changeQuietly"] = (node) =>
    Effect.suspend(() => {
      const record = attempts.drawRecord()
      if (record === undefined) return Effect.void
      const changed = Effect.provideService(
        Effect.suspend(() => changeOne(node, record)),
        LosesAnswers,
        true,
      )
      // The first wait outlasts the doubts about earlier changes. The second wait outlasts the doubt about this change.
      const wait = Effect.suspend(() => Effect.sleep(patience + 1_000 + draw(10_000)))
      return attempts.leavingAlone(record, Effect.all([wait, askAll(record), changed, wait, askAll(record)], { discard: true }))
    })

  /** Has all nodes verify the latest tokens of a record. */
  const askAll = ({ tokens }: History): Effect.Effect<void> =>
    Effect.suspend(() =>
      Effect.forEach(
        nodes.flatMap((node) => tokens.slice(-3).map((token) => ({ node, token }))),
        ({ node, token }) => attempts.verify(node, { ...token, scopes: undefined, maxAge: undefined, countsAsUse: chance(50) }),
        { concurrency: "unbounded", discard: true },
      ),
    )

  const drawChange = (node: SimulatedNode, record: History, apiKey: ApiKey, options: Options): Effect.Effect<void> => {
    const { id, isActive } = apiKey
    const run = <A>(operation: string, effect: Effect.Effect<A, Failure>) =>
      change(node, { operation: tellOptions(operation, options), id, ...options }, effect)
    const activate = () => run("activate", node.apiKeys.activate(id, options))
    // Keys are activated soon, lest every verification be refused.
    if (!isActive && chance(75)) return activate()
    const kind = draw(100)
    if (kind < 10) return run("delete", node.apiKeys.delete(id, options))
    if (kind < 26) return isActive ? run("deactivate", node.apiKeys.deactivate(id, options)) : activate()
    if (kind < 48) {
      const input = kind < 34 ? { scopes: scopesFor() } : kind < 40 ? { policies: policiesFor(node) } : { expiresAt: expiryFor(node) }
      return run(JSON.stringify(input), node.apiKeys.update(id, input, options))
    }
    if (kind < 78) return rotate(node, apiKey, options)
    return kind < 92 ? endGrace(node, apiKey, options) : revoke(node, record)
  }

  const rotate = (node: SimulatedNode, { id }: ApiKey, options: Options): Effect.Effect<void> => {
    const grace = pick([0, 0, draw(4_000), 1 + draw(4_000), 5_000 + draw(30_000), day])
    const graceFrom = chance(50) ? "firstUse" : "now"
    const ifPrevious = chance(70) ? "end" : "refuse"
    const asked: Asked<ApiKeys.Created, Failure> = {
      operation: tellOptions(`rotate with a grace of ${grace} ms from ${graceFrom}, ${ifPrevious} a grace before`, options),
      id,
      ...options,
      isExpected: ({ _tag }, since) =>
        _tag === "GraceRunning" &&
        ifPrevious === "refuse" &&
        wasSince(id, since, ({ apiKey }) => apiKey !== undefined && !isOver(apiKey, since.millis + node.skew)),
      check: ({ token }, written) => {
        const before = written?.before.apiKey
        const after = written?.after.apiKey
        if (written === undefined || before === undefined || after === undefined) return "nothing was written"
        if (Redacted.value(token) !== world.toText({ keyId: after.keyId, secret: written.after.secret }))
          return "gave another token than it wrote"
        if (ifPrevious === "refuse" && !isOver(before, millis() + node.skew)) return "the grace before was running"
        return whatIsWrongWithGrace(before, after, Math.ceil(grace / 1_000), graceFrom)
      },
    }
    return change(node, asked, node.apiKeys.rotate(id, { ...options, grace, graceFrom, ifPrevious }))
  }

  const whatIsWrongWithGrace = (before: ApiKey, after: ApiKey, seconds: number, graceFrom: "now" | "firstUse"): string | undefined => {
    const at = after.updatedAt.epochMilliseconds
    const endOfAge = (before.rotatedAt ?? before.createdAt).epochMilliseconds + setting.maximumAge
    const isWaiting = graceFrom === "firstUse" && endOfAge > at
    const expiry = before.expiresAt?.epochMilliseconds ?? Number.POSITIVE_INFINITY
    const end = isWaiting ? endOfAge : Math.min(at + seconds * 1_000, expiry, endOfAge)
    if (endOfPrevious(after) !== end) return `the grace ends at ${endOfPrevious(after)} instead of ${end}`
    return after.previous?.graceSeconds === (isWaiting ? seconds : null)
      ? undefined
      : "the grace waits for a use, or doesn't, against what was asked"
  }

  const endGrace = (node: SimulatedNode, { id }: ApiKey, options: Options): Effect.Effect<void> => {
    const asked: Asked<ApiKey, Failure> = {
      operation: tellOptions("end the grace", options),
      id,
      ...options,
      check: (apiKey) => (isOver(apiKey, millis() + node.skew) ? undefined : "it goes on"),
    }
    return change(node, asked, node.apiKeys.endGrace(id, options))
  }

  const revoke = (node: SimulatedNode, record: History): Effect.Effect<void> => {
    const given: Attempt = { ...attempts.drawToken(record), scopes: undefined, maxAge: 0, countsAsUse: false }
    const bound = attempts.boundOf(node, given)
    const asked: Asked<ApiKeys.Revoked, Effect.Error<ReturnType<ApiKeys.ApiKeys["Service"]["revoke"]>>> = {
      operation: `revoke ${shorten(given.keyId)}`,
      id: record.id,
      // A refusal is judged as one of `verify`.
      isExpected: (error) => {
        if (!isRefusal(error)) return false
        attempts.judge(node, given, bound, Exit.fail(error))
        return true
      },
      check: ({ usedToken }, written) => {
        statistics.revoked++
        if (written === undefined) return usedToken === "previous" ? undefined : "nothing was written"
        const answer = answerOf(written.after, given, millis() + node.skew, node)
        if (answer !== "Inactive" && !answer.startsWith("Expired")) return `the answer to the token is ${answer}`
        const hasEndedAll = written.before.apiKey?.isActive === true && written.after.apiKey?.isActive === false
        return hasEndedAll === (usedToken === "current") ? undefined : `ended the wrong token, as the ${usedToken} one was given`
      },
    }
    return change(node, asked, node.apiKeys.revoke(world.toText(given), { reason: "leaked" }))
  }

  /** Inserts a deleted record again, as from a backup. At times its state is an older one, or its secret an invented one. */
  const restore = (record: History): Effect.Effect<void> =>
    Effect.suspend(() => {
      const last = lastThere(record)
      // Two restores at a time could give two states of the record the same version.
      if (last === undefined || restoring.has(record)) return Effect.void
      const { apiKey, secret, previousSecret } = chance(30) ? pick(record.states) : last
      if (apiKey === undefined) return Effect.void
      const restored = new ApiKey({ ...apiKey, version: last.apiKey.version + 1, isActive: chance(80), expiresAt: null })
      const secrets = { secret: chance(40) ? attempts.invented(apiKey.keyId) : secret, previousSecret }
      restoring.add(record)
      return world
        .insert(restored, secrets)
        .pipe(
          Effect.ensuring(Effect.sync(() => restoring.delete(record))),
          Effect.andThen(Effect.sync(() => attempts.onRestored(record))),
          Effect.andThen(chance(50) ? askAll(record) : Effect.void),
        )
    })

  return { create, changeOne, changeQuietly }
}

const day = 86_400_000

type Options = ApiKeys.ConfirmWithin & ApiKeys.IfVersion

const tellOptions = (operation: string, { confirmWithin, ifVersion }: Options): string =>
  [
    operation,
    ...(ifVersion === undefined ? [] : [`if it is version ${ifVersion}`]),
    ...(confirmWithin === undefined ? [] : [`confirmed within ${Number(confirmWithin)}`]),
  ].join(", ")

const refusals = new Set<string>(["MalformedToken", "NotFound", "InvalidSecret", "Inactive", "Expired"])
const isRefusal = (error: Failure): error is MalformedToken | NotFound | InvalidSecret | Inactive | Expired => refusals.has(error._tag)
