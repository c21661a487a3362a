import { NodeRedis } from "@effect/platform-node/NodeRedis"
import * as Layer from "effect/Layer"
import { Meters } from "../Meters.ts"
export interface RedisOptions {
  readonly prefix?: string | undefined
}
export declare const layerRedis: (options?: RedisOptions) => Layer.Layer<Meters, never, NodeRedis>
