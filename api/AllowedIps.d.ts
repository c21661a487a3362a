import type * as Schema from "effect/Schema"
import { type Network } from "./internal/net/networks.ts"
export declare const kind = "allowedIps"
export declare const AllowedIps: Schema.Codec<ReadonlyArray<Network>, ReadonlyArray<string>>
