import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import type { ApiKey } from "./ApiKey.ts"
export declare const kind = "idleTimeout"
export declare const IdleTimeout: Schema.Codec<Duration.Duration, string>
export declare const idleSince: ({
  lastUsedAt,
  rotatedAt,
  createdAt,
}: Pick<ApiKey, "lastUsedAt" | "rotatedAt" | "createdAt">) => DateTime.Utc
export declare const idleAt: (key: Pick<ApiKey, "policies" | "lastUsedAt" | "rotatedAt" | "createdAt">) => DateTime.Utc | null
