/** Runs one simulated history: nodes verify, change keys, are cut off and restarted, in random order. Each step is judged when it ends. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { makeAttempts } from "./attempts.ts"
import { makeChanges } from "./changes.ts"
import { makeEpisode } from "./episode.ts"
import { lastOf } from "./model.ts"
import { makeWorld, type SimulatedNode } from "./world.ts"

const firstKeys = 6
const maxKeys = 30

/** Runs a history on the clock of the test. Its nodes end with the scope. */
export const runHistory = Effect.fnUntraced(function* (seed: number, steps: number) {
  const episodeScope = yield* Effect.scope
  const episode = makeEpisode(seed, steps, yield* Clock.Clock)
  const { setting, statistics, records, chance, draw, pick, log, fail } = episode
  const world = yield* makeWorld(episode)
  const { hub } = world
  const attempts = makeAttempts(episode, world)
  const { verify } = attempts
  const nodes: Array<SimulatedNode> = []
  const { create, changeOne, changeQuietly } = makeChanges(episode, world, attempts, nodes)
  let underWay = 0
  const inBackground = (effect: Effect.Effect<unknown>) =>
    Effect.suspend(() => {
      underWay++
      return effect
    }).pipe(
      Effect.catchCause((cause) => Effect.sync(() => fail(undefined, `a defect: ${Cause.pretty(cause)}`))),
      Effect.ensuring(Effect.sync(() => underWay--)),
      Effect.forkIn(episodeScope, { startImmediately: true }),
    )

  /** Interrupts the effect after a random time, as an impatient caller would. */
  const givingUp = (effect: Effect.Effect<void>, within: number) =>
    Effect.map(Effect.timeoutOption(effect, 1 + draw(within)), (done) => {
      if (done._tag === "None") statistics.interrupted++
    })

  // --- faults -------------------------------------------------------------------------------------------------------------------------

  const restart = (index: number): Effect.Effect<void> =>
    Effect.gen(function* () {
      const [node] = nodes.splice(index, 1)
      if (node === undefined) return
      statistics.restarts++
      const hasCrashed = chance(50)
      log(undefined, `${node.name} ${hasCrashed ? "crashes" : "stops"}`)
      if (hasCrashed) {
        node.channel.isMute = true
        node.channel.isDeaf = true
      }
      yield* Scope.close(node.scope, Exit.void)
      yield* Effect.sleep(1 + draw(3_000))
      const started = yield* world.startNode
      nodes.push(started)
      yield* flurry(started)
    })

  /**
   * Runs many changes and verifications while the register of nodes is changing. Half of the changes are of one record; all verifications are
   * on the given node. Ordinary steps are too rare to hit so short a time.
   */
  const flurry = (node: SimulatedNode): Effect.Effect<void> => {
    const same = attempts.draw()
    return Effect.forEach(
      Array.from({ length: 12 }, () => draw(1_500 + 2 * setting.faults.registering)),
      (wait) =>
        inBackground(
          Effect.gen(function* () {
            yield* Effect.sleep(1 + wait)
            const other = pick(nodes)
            if (!nodes.includes(node) || other === undefined) return
            const record = chance(50) ? records.find(same.keyId) : attempts.drawRecord()
            yield* Effect.all([verify(node, same), changeOne(other, record), verify(node, attempts.draw())], {
              concurrency: 3,
              discard: true,
            })
          }),
        ),
      { discard: true },
    )
  }

  const disturb = (node: SimulatedNode): Effect.Effect<void> => {
    const { channel, name } = node
    const kind = draw(5)
    const length = 1 + draw(20_000)
    const during = (state: string, begin: () => void, end: () => void) =>
      Effect.sync(() => {
        log(undefined, `${name} is ${state} for ${length} ms`)
        begin()
      }).pipe(Effect.andThen(Effect.sleep(length)), Effect.andThen(Effect.sync(end)))
    // The sleep lets the test clock start the cut, so the clock waits for its consequences.
    const cut = Effect.andThen(Effect.sleep(1), channel.cut)
    if (kind === 0) return cut
    // Deafness is drawn most often: the node isn't told of it, so it is the most dangerous fault.
    if (kind < 3) {
      return during(
        "deaf",
        () => (channel.isDeaf = true),
        () => (channel.isDeaf = false),
      )
    }
    const mute = during(
      kind === 3 ? "mute" : "cut off",
      () => (channel.isMute = true),
      () => (channel.isMute = false),
    )
    return kind === 3 ? mute : Effect.all([mute, cut], { concurrency: 2, discard: true })
  }

  let isSplit = false
  const split = (node: SimulatedNode): Effect.Effect<void> =>
    Effect.gen(function* () {
      isSplit = true
      statistics.splits++
      // 200 s is longer than a node that has vanished is remembered.
      const length = 1 + draw(pick([60_000, 200_000]))
      log(undefined, `the channel between the nodes is split for ${length} ms`)
      yield* hub.split
      for (const { name, channel } of nodes) log(undefined, `${name} is on side ${channel.side}`)
      const later = Effect.suspend(() =>
        Effect.andThen(
          Effect.sleep(draw(length)),
          Effect.suspend(() => flurry(node)),
        ),
      )
      yield* Effect.all([flurry(node), later, later, later, Effect.sleep(length)], { concurrency: 5, discard: true })
      yield* hub.heal
      log(undefined, "the channel between the nodes is whole again")
      isSplit = false
    })

  // --- the history --------------------------------------------------------------------------------------------------------------------

  const step = Effect.suspend((): Effect.Effect<unknown> => {
    const roll = setting.isCalm ? 110 + draw(9_890) : draw(10_000)
    const index = draw(nodes.length)
    const node = nodes[index]
    if (node === undefined) return Effect.void
    if (roll >= 10_000 - setting.ringChanges) return Effect.sync(node.seals.changeRing)
    if (roll < 5) {
      statistics.lostRegisters++
      log(undefined, "the register of nodes is lost")
      return Effect.andThen(hub.loseRegister, flurry(node))
    }
    // Triggers reach all nodes, so a split of the hub would change nothing. Without the store's register, a long split looks like a crash.
    if (roll < 25 && setting.hasRegister && !setting.announcesWrites && !isSplit) return inBackground(split(node))
    if (roll < 75) return inBackground(disturb(node))
    if (roll < 90 && nodes.length > 1) return inBackground(restart(index))
    if (roll < 110) return inBackground(changeQuietly(node))
    if (roll < 250 && records.all.length < maxKeys) return inBackground(create(node))
    if (roll < 1_130) return inBackground(changeOne(node))
    if (roll < 1_200) return inBackground(givingUp(changeOne(node), 2 * setting.storeDelay))
    const attempt = attempts.draw()
    if (roll < 1_400) return inBackground(givingUp(verify(node, attempt), 20))
    if (roll > 1_700) return inBackground(verify(node, attempt))
    const together = Array.from({ length: 2 + draw(4) }, () => inBackground(verify(node, attempt)))
    statistics.steps += together.length - 1
    return Effect.all(together, { discard: true })
  })

  const letTimePass = Effect.suspend(() => {
    if (chance(50)) return Effect.void
    const dice = draw(1_000)
    if (dice < 970) return TestClock.adjust(1 + draw(60))
    // A node looks at all seals once a minute at most.
    return TestClock.adjust(1 + draw(dice < 995 ? 1_500 : setting.isCalm ? 70_000 : 15_000))
  })

  const aWhile = TestClock.adjust((setting.storeDelay + setting.hashDelay) * 4)
  for (let i = 0; i < setting.nodeCount; i++) {
    yield* inBackground(Effect.map(world.startNode, (node) => void nodes.push(node)))
    yield* aWhile
  }
  for (let i = 0; i < firstKeys; i++) yield* inBackground(create(pick(nodes)))
  yield* aWhile
  // The call hides from the compiler's narrowing that background steps set the failure.
  const hasFailed = (): boolean => episode.failure() !== undefined
  while (statistics.steps < steps && !hasFailed()) {
    statistics.steps++
    yield* step
    yield* letTimePass
  }
  yield* TestClock.adjust(isSplit ? "5 minutes" : "2 minutes")
  if (underWay > 0) fail(undefined, `${underWay} operations never end`)
  attempts.checkGraces(nodes)
  world.heard.check()
  const failure = episode.failure()
  if (failure !== undefined) return yield* failure
  yield* Effect.forEach(records.all, (record) => {
    const { apiKey } = lastOf(record)
    return apiKey === undefined ? Effect.void : world.delete(apiKey.id)
  })
  return statistics
})
