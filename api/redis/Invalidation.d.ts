import { NodeRedis } from "@effect/platform-node/NodeRedis"
import * as Layer from "effect/Layer"
import { ApiKeyInvalidation } from "../ApiKeyInvalidation.ts"
export interface RedisOptions {
  readonly prefix?: string | undefined
}
export declare const layerRedis: (options?: RedisOptions) => Layer.Layer<ApiKeyInvalidation, never, NodeRedis>
