/** Runs the guide to backups, block by block, on an embedded database and on a PostgreSQL of the same version as the `pg_dump` there is. */
import { execFile, spawnSync } from "node:child_process"
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { binFolder, bundle } from "../cli/support.ts"

const root = new URL("../..", import.meta.url).pathname
const place = mkdtempSync(join(tmpdir(), "effect-api-key-backup-"))
afterAll(() => rmSync(place, { recursive: true, force: true, maxRetries: 5 }))

const blocks = Array.from(readFileSync(join(root, "docs/guides/backup.md"), "utf8").matchAll(/^```sh\n(.*?)^```$/gms)).map(
  ([, code = ""]) => code,
)
const [pack = "", unpack = "", dump = "", restore = "", dumpTables = "", restoreTables = "", ...more] = blocks

const token = /ak-[0-9a-f]{16}-[0-9A-Za-z]{64}/

const sh = (script: string, env: Readonly<Record<string, string>>): Promise<string> =>
  new Promise((resolve, reject) =>
    execFile(
      "bash",
      ["-c", `set -e -o pipefail\n${script}`],
      {
        cwd: place,
        env: {
          HOME: place,
          XDG_CACHE_HOME: join(root, "node_modules/.cache"),
          ...env,
          PATH: `${join(place, "bin")}:${env["PATH"] ?? process.env["PATH"]}`,
        },
      },
      (error, stdout, stderr) => (error === null ? resolve(stdout) : reject(new Error(`${script}\n${stdout}${stderr}`))),
    ),
  )

beforeAll(() => {
  bundle()
  mkdirSync(join(place, "bin"))
  writeFileSync(join(place, "bin/effect-api-key"), `#!/bin/sh\nexec "${process.execPath}" "${join(binFolder, "effect-api-key.js")}" "$@"\n`)
  // The package isn't installed here.
  writeFileSync(join(place, "bin/npx"), '#!/bin/sh\nexec "$@"\n')
  for (const name of ["effect-api-key", "npx"]) chmodSync(join(place, "bin", name), 0o755)
})

describe("the guide to backups", { concurrent: false }, () => {
  it("is run here as a whole", () => assert.deepStrictEqual(more, []))

  it("backs the embedded database up and restores it, with its pepper", async () => {
    const env = { API_KEY_DATA_DIR: join(place, "data") }
    const [made = ""] = token.exec(await sh("effect-api-key create --name kept", env)) ?? []
    await sh(pack, env)
    assert.strictEqual(statSync(join(place, "keys.tar.gz")).mode & 0o777, 0o600)
    rmSync(join(place, "data"), { recursive: true })
    await sh(unpack, env)
    assert.strictEqual(statSync(join(place, "restored")).mode & 0o777, 0o700)
    assert.match(await sh(`effect-api-key verify <<< ${made}`, { API_KEY_DATA_DIR: join(place, "restored") }), /^The token is valid/)
  })

  const tools = postgresTools()
  it.skipIf(typeof tools === "string")(
    `backs PostgreSQL up and restores it${typeof tools === "string" ? ` (skipped: ${tools})` : ""}`,
    async () => {
      if (typeof tools === "string") return
      const server = await startServer(tools)
      try {
        const at = (name: string) => `${server.url}/${name}`
        await sh(`for name in keys whole tables; do psql -q "$SERVER/postgres" -c "CREATE DATABASE $name"; done`, {
          SERVER: server.url,
          PATH: tools.path,
        })
        const env = { DATABASE_URL: at("keys"), API_KEY_PEPPER: "sixteen bytes or more of it", PATH: tools.path }
        await sh("effect-api-key migrate", env)
        const [made = ""] = token.exec(await sh("effect-api-key create --name kept", env)) ?? []
        const [rotated = ""] =
          token.exec(
            await sh(`id=$(effect-api-key list --json | sed -E 's/.*"id":"([^"]*)".*/\\1/'); effect-api-key rotate "$id" --grace 1h`, env),
          ) ?? []
        await sh(dump, env)
        await sh(dumpTables, env)
        for (const [restored, script] of [
          [at("whole"), restore],
          [at("tables"), restoreTables],
        ] as const) {
          await sh(script, { ...env, RESTORED_URL: restored })
          for (const each of [made, rotated]) {
            assert.match(await sh(`effect-api-key verify <<< ${each}`, { ...env, DATABASE_URL: restored }), /^The token is valid/)
          }
        }
        // Over keys that are there it fails, and leaves them.
        const again = await sh(restoreTables, { ...env, RESTORED_URL: at("tables") }).then(
          () => "",
          (error: Error) => error.message,
        )
        assert.include(again, "duplicate key value")
        assert.match(await sh(`effect-api-key verify <<< ${rotated}`, { ...env, DATABASE_URL: at("tables") }), /^The token is valid/)
      } finally {
        await server.stop()
      }
    },
  )
})

interface Tools {
  readonly bin: string
  readonly path: string
  /** Whom the server runs as, since it won't as root. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined
}

/** The newest server that is installed along with `pg_dump`, or why there is none. */
function postgresTools(): Tools | string {
  const debian = "/usr/lib/postgresql"
  const folders = [
    ...(process.env["PATH"] ?? "").split(":"),
    ...(existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, "bin")) : []),
  ].filter((folder) => ["pg_dump", "pg_restore", "psql", "initdb", "pg_ctl"].every((tool) => existsSync(join(folder, tool))))
  const bin = folders.at(-1)
  if (bin === undefined) return "pg_dump and a server beside it aren't installed"
  const path = `${bin}:${process.env["PATH"]}`
  if (process.getuid?.() !== 0) return { bin, path, user: undefined }
  const [uid, gid] = ["-u", "-g"].map((flag) => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout || NaN))
  return uid === undefined || gid === undefined || Number.isNaN(uid)
    ? "root can't run it, and there is no user postgres"
    : { bin, path, user: { uid, gid } }
}

const startServer = async ({ bin, user }: Tools) => {
  const folder = join(place, "postgres")
  mkdirSync(folder, { mode: 0o700 })
  // The user that it runs as has to reach its folder.
  chmodSync(place, 0o755)
  if (user !== undefined) chownSync(folder, user.uid, user.gid)
  const port = await freePort()
  const run = (tool: string, ...args: ReadonlyArray<string>) =>
    new Promise<void>((resolve, reject) =>
      execFile(join(bin, tool), [...args], { cwd: folder, ...user }, (error, stdout, stderr) =>
        error === null ? resolve() : reject(new Error(`${tool}\n${stdout}${stderr}`)),
      ),
    )
  const data = join(folder, "data")
  await run("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
  await run("pg_ctl", "-D", data, "-w", "-l", join(folder, "log"), "-o", `-p ${port} -h 127.0.0.1 -k ${folder} -F`, "start")
  return { url: `postgres://postgres@127.0.0.1:${port}`, stop: () => run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop") }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })
