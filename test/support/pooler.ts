/** What stands between the program and a PostgreSQL: PgBouncer where it is installed, and a double of it that drops what it drops. */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises"
import { connect, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Redacted } from "effect"
import { freePort } from "./postgres.ts"

/** Why tests with it are left out, if they are. */
export const whyWithout: string | undefined =
  spawnSync("pgbouncer", ["--version"]).status === 0 ? undefined : "the program pgbouncer isn't installed (apt-get install pgbouncer)"

const isOpen = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1")
      .on("connect", () => (socket.destroy(), resolve(true)))
      .on("error", () => resolve(false))
  })

/** Starts PgBouncer, which passes on to the database, and gives its URL for that; it ends when the scope closes. */
export const startPgbouncer = (database: Redacted.Redacted, poolMode: "session" | "transaction" | "statement") =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "effect-api-key-pgbouncer-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
    )
    const port = yield* freePort
    const { hostname, port: behind, username, password, pathname } = new URL(Redacted.value(database))
    const config = join(folder, "pgbouncer.ini")
    const users = join(folder, "users.txt")
    yield* Effect.promise(async () => {
      await writeFile(users, `"${username}" "${password}"\n`)
      await writeFile(
        config,
        `[databases]
${pathname.slice(1)} = host=${hostname} port=${behind} user=${username} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${users}
pool_mode = ${poolMode}
default_pool_size = 10
ignore_startup_parameters = extra_float_digits
`,
      )
      // It doesn't run as root, and the user that it runs as has to read its files.
      await chmod(folder, 0o755)
    })
    const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
    yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const child = spawn("pgbouncer", [config], { ...nobody, stdio: "ignore" })
        while (child.exitCode === null && !(await isOpen(port))) await new Promise((resolve) => setTimeout(resolve, 20))
        if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode}`)
        return child
      }),
      (child) =>
        Effect.promise(async () => {
          const ended = once(child, "exit")
          child.kill("SIGKILL")
          await ended
        }),
    )
    return Redacted.make(`postgres://${username}:${password}@127.0.0.1:${port}${pathname}`)
  })

const keyData = "K".charCodeAt(0)
const notification = "A".charCodeAt(0)

/**
 * A double of PgBouncer's transaction mode: passes on all but the notifications that another connection has sent. As there, a connection hears
 * what it has sent itself.
 */
export const startDouble = (database: Redacted.Redacted) =>
  Effect.gen(function* () {
    const { hostname, port } = new URL(Redacted.value(database))
    const sockets = new Set<Socket>()
    const server = createServer((client) => {
      const behind = connect(Number(port), hostname)
      for (const socket of [client, behind])
        sockets.add(socket.on("error", () => {}).on("close", () => (client.destroy(), behind.destroy())))
      client.pipe(behind)
      let own: number | undefined
      let rest = Buffer.alloc(0)
      behind.on("data", (data) => {
        rest = Buffer.concat([rest, data])
        // A type, the length of what follows it, and that.
        while (rest.length >= 5 && rest.length > rest.readUInt32BE(1)) {
          const message = rest.subarray(0, rest.readUInt32BE(1) + 1)
          rest = rest.subarray(message.length)
          if (message[0] === keyData) own = message.readUInt32BE(5)
          if (message[0] !== notification || message.readUInt32BE(5) === own) client.write(message)
        }
      })
    })
    const listening = yield* Effect.acquireRelease(
      Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening")).pipe(Effect.as(server)),
      () =>
        Effect.sync(() => {
          for (const socket of sockets) socket.destroy()
          server.close()
        }),
    )
    const address = listening.address()
    const url = new URL(Redacted.value(database))
    url.port = typeof address === "object" && address !== null ? `${address.port}` : ""
    return Redacted.make(url.href)
  })
