/** The register of nodes in the table beside the keys. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

export type Rows = ReadonlyArray<Readonly<Record<string, unknown>>>
export type Ask<E> = (operation: string, text: string, params: ReadonlyArray<string | number>) => Effect.Effect<Rows, E>

interface Register<E> {
  readonly register: (node: string, lease: Duration.Duration) => Effect.Effect<void, E>
  readonly unregister: (node: string) => Effect.Effect<void, E>
  readonly nodes: Effect.Effect<ReadonlyArray<string>, E>
}

export const make = <E>(table: string, ask: Ask<E>): Register<E> => ({
  register: (node, lease) =>
    // A node that is gone for long leaves its row to the others. Two that find it there don't wait for each other.
    Effect.asVoid(
      ask(
        "register",
        `WITH gone AS (
          DELETE FROM ${table} WHERE node IN (
            SELECT node FROM ${table} WHERE live_until < clock_timestamp() - interval '1 hour' AND node <> $1::text
            FOR UPDATE SKIP LOCKED
          )
        )
        INSERT INTO ${table} (node, live_until)
        VALUES ($1::text, clock_timestamp() + $2::float8 * interval '1 millisecond')
        ON CONFLICT (node) DO UPDATE SET live_until = EXCLUDED.live_until`,
        [node, Duration.toMillis(lease)],
      ),
    ),
  unregister: (node) => Effect.asVoid(ask("unregister", `DELETE FROM ${table} WHERE node = $1::text`, [node])),
  nodes: Effect.map(ask("nodes", `SELECT node FROM ${table} WHERE live_until > clock_timestamp() ORDER BY node`, []), (rows) =>
    rows.map(({ node }) => String(node)),
  ),
})
