export interface RoutesOptions extends ProxyOptions {
  readonly leaks?: LeakOptions | undefined
  readonly credentials?: CredentialOptions | undefined
  readonly xRateLimit?: boolean | undefined
}

type Needs = HttpRouter.HttpRouter | ApiKeys | ApiKeyRepository | Layer.Services<ReturnType<typeof HttpApiBuilder.layer<string, never>>>

export declare const routesWith: (options: RoutesOptions) => Layer.Layer<never, InvalidSigningKey, Needs>

export declare const routes: Layer.Layer<never, never, Needs>
