/** What there is to run. Each is a program of its own, so that none runs on code that another has warmed up or spoiled. */
export interface Benchmark {
  readonly name: string
  /** The program, relative to this folder. */
  readonly program: string
  /** `one` is pinned; `own` pins its threads or children by itself. */
  readonly cores: "one" | "all" | "own"
  readonly needsPostgres?: boolean
}

export const benchmarks: ReadonlyArray<Benchmark> = [
  { name: "warm", program: "run/warm.ts", cores: "one" },
  { name: "policies", program: "run/policies.ts", cores: "one" },
  { name: "leases", program: "run/leases.ts", cores: "one", needsPostgres: true },
  { name: "promise", program: "run/promise.ts", cores: "one" },
  { name: "better-auth", program: "peers/better-auth.ts", cores: "one" },
  { name: "keypal", program: "peers/keypal.ts", cores: "one" },
  { name: "prefixed-api-key", program: "peers/prefixed-api-key.ts", cores: "one" },
  { name: "naive", program: "peers/naive.ts", cores: "one" },
  { name: "refused", program: "run/refused.ts", cores: "one" },
  { name: "cold-sql", program: "run/cold-sql.ts", cores: "one", needsPostgres: true },
  { name: "lookups", program: "run/lookups.ts", cores: "one", needsPostgres: true },
  { name: "cold-argon2", program: "run/cold-argon2.ts", cores: "all" },
  { name: "http", program: "run/http.ts", cores: "one" },
  { name: "server", program: "run/server.ts", cores: "one", needsPostgres: true },
  { name: "guesses", program: "run/guesses.ts", cores: "own" },
  { name: "flood", program: "run/flood.ts", cores: "own" },
  { name: "flood-cold", program: "run/flood-cold.ts", cores: "all" },
  { name: "heap", program: "run/heap.ts", cores: "one" },
  { name: "search", program: "run/search.ts", cores: "one", needsPostgres: true },
  { name: "import", program: "run/import.ts", cores: "one", needsPostgres: true },
  { name: "scan", program: "run/scan.ts", cores: "all" },
  { name: "start-up", program: "run/start-up.ts", cores: "one" },
  { name: "cli-start-up", program: "run/cli-start-up.ts", cores: "one" },
  { name: "hashers", program: "run/hashers.ts", cores: "all" },
]
