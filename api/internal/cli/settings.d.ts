export declare const TokenFormat: Context.Reference<TokenConfig | undefined>
