// In a pipeline of your own: a queue's consumer that does the work of those whose key is good.
// Run it with `npm run build && npx node examples/pipeline.ts`.
import { type Cause, Console, Effect, Queue, Redacted, Stream } from "effect"
import { ApiKeyError, ApiKeys } from "effect-api-key"

interface Job {
  readonly token: Redacted.Redacted
  readonly task: string
}

const consume = (jobs: Queue.Dequeue<Job, Cause.Done>) =>
  Stream.fromQueue(jobs).pipe(
    Stream.mapEffect(
      ({ token, task }) =>
        ApiKeys.ApiKeys.use((apiKeys) => apiKeys.verify(token, { scopes: ["jobs:run"] })).pipe(
          Effect.flatMap(({ apiKey }) => Console.log(`${task} for ${apiKey.name}`)),
          // A key that is no good ends the job; a database that is down (`RepositoryError`) ends the stream.
          Effect.catchIf(ApiKeyError.isRefusal, (error) => Console.log(`${task} refused: ${error._tag}`)),
        ),
      { concurrency: 4 },
    ),
    Stream.runDrain,
  )

const program = Effect.gen(function* () {
  const apiKeys = yield* ApiKeys.ApiKeys
  const robot = yield* apiKeys.create({ name: "robot", scopes: ["jobs:*"] })
  const guest = yield* apiKeys.create({ name: "guest" })
  const jobs = yield* Queue.bounded<Job, Cause.Done>(16)
  yield* Queue.offerAll(jobs, [
    { token: robot.token, task: "sweep" },
    { token: guest.token, task: "mop" },
    { token: Redacted.make("who knows"), task: "steal" },
  ])
  yield* Queue.end(jobs)
  yield* consume(jobs)
})

await Effect.runPromise(Effect.provide(program, ApiKeys.layerMemory))
