export declare const format = "effect-api-key"

export declare const formatVersion = 1
