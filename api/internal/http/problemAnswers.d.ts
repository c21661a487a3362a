export declare const layerRequestProblems: Layer.Layer<RequestProblems>

export declare const layerProblems: Layer.Layer<never, never, HttpRouter.HttpRouter>

export declare const layerMethodNotAllowed: <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>,
  others?: Readonly<Record<`/${string}`, ReadonlyArray<string>>>,
) => Layer.Layer<never, never, HttpRouter.HttpRouter>
