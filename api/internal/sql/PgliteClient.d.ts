export interface Notification {
  readonly channel: string
  readonly payload: string
}

declare const PgliteClient_base: Context.ServiceClass<
  PgliteClient,
  "effect-api-key/sql/PgliteClient",
  {
    readonly isDurable: boolean
    readonly listen: (channel: string) => Effect.Effect<Queue.Dequeue<Notification, SqlError>, SqlError, Scope.Scope>
  }
>

export declare class PgliteClient extends PgliteClient_base {}
