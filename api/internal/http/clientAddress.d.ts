export interface ProxyOptions {
  readonly trustedProxies?: ReadonlyArray<string> | undefined
  readonly forwardedHeader?: "x-forwarded-for" | "forwarded" | undefined
}
