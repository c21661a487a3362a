/** The bundled command line as people and programs run it: as a process, on pipes and on a pseudo-terminal. */
import { assert, describe, it } from "@effect/vitest"
import { Json } from "../../src/cli.ts"
import { run } from "./support.ts"
import { decode, failed, lines, one, secretOf, places, prepare } from "./scene.ts"

prepare("embedded", "server", "postgres")

for (const [place, where] of Object.entries(places)) {
  describe(`on ${place}`, { concurrent: true }, () => {
    // The tests run beside each other, and a folder is for one process at a time.
    const call = (name: string) => (args: ReadonlyArray<string>, input?: string) => {
      const { env, at } = where(name)
      return run([...args, ...at], env, input)
    }

    it("takes a key through its life, with a stable schema", async () => {
      const json = (args: ReadonlyArray<string>, input?: string) => call("life")([...args, "--json"], input)
      const created = one(
        Json.Created,
        await json(["create", "--name", "ci", "--scope", "invoices:read,invoices:write", "--expires", "30d"]),
      )
      const { apiKey, token } = created
      const { id, keyId } = apiKey
      assert.deepStrictEqual<ReadonlyArray<string>>(apiKey.scopes, ["invoices:read", "invoices:write"])
      assert.approximately(apiKey.expiresAt?.epochMilliseconds ?? 0, Date.now() + 30 * 86_400_000, 60_000)

      // Opening the embedded database takes longest.
      const names = [keyId.slice(0, 9), id.slice(0, 30), id, keyId].slice(0, place === "the embedded database" ? 2 : 4)
      for (const name of names) {
        assert.strictEqual(one(Json.Key, await json(["get", name])).id, id, name)
      }
      const pasted = await json(["get", token])
      assert.strictEqual(decode(Json.Key, pasted.stdout).id, id)
      assert.include(pasted.stderr, "leaked")
      assert.notInclude(pasted.stderr, secretOf(token))

      // The rest is the same on PostgreSQL, and here takes minutes on a busy machine.
      if (place === "the embedded database") {
        assert.strictEqual((await json(["verify"], token)).code, 0)
        one(Json.Created, await json(["rotate", id, "--grace", "0", "--yes"]))
        assert.strictEqual((await json(["verify"], token)).code, 4)
        assert.deepStrictEqual(one(Json.Deleted, await json(["delete", id, "--yes"])), { deleted: id })
        return
      }

      const listed = await json(["list", "--owner", "nobody"])
      assert.deepStrictEqual([listed.code, listed.stdout], [0, ""])
      const all = await json(["list", "--scope", "invoices:read"])
      assert.deepStrictEqual(
        lines(all.stdout).map((line) => decode(Json.Key, line).id),
        [id],
      )
      const page = one(Json.Page, await json(["search", "ci", "--sort", "name", "--limit", "10"]))
      assert.deepStrictEqual([page.items.map((item) => item.id), page.total, page.nextCursor], [[id], 1, null])
      assert.deepStrictEqual(one(Json.Count, await json(["count", "--status", "active", "--name", "ci"])), { count: 1 })

      const good = one(Json.Verified, await json(["verify", "--scope", "invoices:read"], `${token}\n`))
      assert.isTrue(good.valid && good.apiKey.id === id && good.usedToken === "current")

      const updated = one(Json.Key, await json(["update", keyId, "--name", "other", "--expires", "2037-01-31", "--metadata", '{"a":1}']))
      assert.deepStrictEqual(
        [updated.name, updated.metadata, updated.expiresAt?.epochMilliseconds],
        ["other", { a: 1 }, Date.UTC(2037, 0, 31)],
      )

      assert.isFalse(one(Json.Key, await json(["deactivate", id])).isActive)
      const inactive = await json(["verify"], token)
      assert.strictEqual(inactive.code, 4)
      const verdict = decode(Json.Verified, inactive.stdout)
      assert.isTrue(!verdict.valid && verdict.error._tag === "Inactive")
      assert.strictEqual(decode(Json.Failure, inactive.stderr).error._tag, "Inactive")
      assert.isTrue(one(Json.Key, await json(["activate", id])).isActive)

      const rotated = one(Json.Created, await json(["rotate", id, "--grace", "7d"]))
      assert.notStrictEqual(rotated.token, token)
      assert.strictEqual(rotated.apiKey.previous?.keyId, keyId)
      const running = await json(["rotate", id])
      failed(running, 1, "GraceRunning")
      assert.match(
        decode(Json.Failure, running.stderr).error.message,
        /still works, until 2\d{3}-.*Z: wait, or end it with --end-previous$/,
      )
      failed(await json(["rotate", id, "--grace", "1ms"]), 2, "Usage")
      const cursor = await json(["search", "--cursor", "nonsense"])
      failed(cursor, 1, "InvalidCursor")
      assert.include(cursor.stderr, "The cursor doesn't belong to this search")
      // As scan prints it.
      assert.strictEqual(one(Json.Key, await json(["get", `ak-${rotated.apiKey.keyId}-…${rotated.apiKey.hint}`])).id, id)
      failed(await json(["end-grace", id]), 2, "Usage")
      one(Json.Key, await json(["end-grace", id, "--yes"]))
      assert.strictEqual((await json(["verify"], token)).code, 4)

      failed(await json(["delete", id]), 2, "Usage")
      assert.deepStrictEqual(one(Json.Deleted, await json(["delete", id, "--yes"])), { deleted: id })
      failed(await json(["get", id]), 3, "ApiKeyNotFound")
      failed(await json(["get", keyId]), 3, "ApiKeyNotFound")
      const nameless = await json(["create", "--name", " "])
      failed(nameless, 1, "InvalidInput")
      assert.match(decode(Json.Failure, nameless.stderr).error.message, /^name: /)

      const waiting = one(Json.Created, await json(["create", "--name", "waits", "--inactive"]))
      assert.isFalse(waiting.apiKey.isActive)
      failed(await json(["verify"], waiting.token).then((ran) => ({ ...ran, stdout: "" })), 4, "Inactive")
    })

    it.skipIf(place !== "PostgreSQL")("says that an owner has as many keys as it may have", async () => {
      const { env, at } = where("capped")
      const create = (...rest: ReadonlyArray<string>) =>
        run(["create", "--name", "k", "--owner", "capped", ...rest, ...at], { ...env, API_KEY_MAX_KEYS_PER_OWNER: "1" })
      const created = one(Json.Created, await create("--json"))
      failed(await create("--json"), 1, "TooManyKeys")
      const plain = await create()
      assert.deepStrictEqual(
        [plain.code, plain.stdout, plain.stderr],
        [1, "", "effect-api-key: The owner capped has as many API keys as it may have (1)\n"],
      )
      one(Json.Deleted, await run(["delete", created.apiKey.id, "--yes", "--json", ...at], env))
    })

    it("is for people without --json", async () => {
      const ask = call("people")
      const created = await ask(["create", "--name", "people\u001b[31m", "--owner", "o"])
      assert.strictEqual(created.code, 0, created.stderr)
      assert.match(created.stdout, /^name +people\\u\{1b\}\[31m$/m)
      assert.match(created.stdout, /\n\nak-[0-9a-f]{16}-\w{64}\n$/)
      assert.include(created.stderr, "can't be shown again")
      const list = await ask(["list", "--owner", "o"])
      const [head = "", row = ""] = lines(list.stdout)
      assert.match(head, /^NAME +KEY ID +STATUS +EXPIRES +LAST USED +SCOPES +OWNER$/)
      assert.strictEqual(head.indexOf("STATUS"), row.indexOf("active"))
      const none = await ask(["search", "nobody has this name"])
      assert.deepStrictEqual([none.code, none.stdout, none.stderr], [0, "", "No API key matches.\n"])
      const wrong = await ask(["verify"], "nonsense")
      assert.deepStrictEqual([wrong.code, wrong.stdout, lines(wrong.stderr).length], [4, "", 1])
      assert.match(wrong.stderr, /^effect-api-key: The token is malformed/)
    })
  })
}
