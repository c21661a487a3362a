/** The server's address, and the failures to listen on it in terms of `HOST` and `PORT`. */
import * as Layer from "effect/Layer"
import * as Effect from "effect/Effect"
import type { ServeError } from "effect/http/HttpServerError"
import * as Schema from "effect/Schema"

/** The server can't listen on the address of `HOST` and `PORT`. @category errors @since 0.1.0 */
export class AddressUnavailable extends Schema.TaggedError<AddressUnavailable>()("AddressUnavailable", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

interface Address {
  readonly host: string
  readonly port: number
}

/** Names the variable to change for a server that can't listen. */
export const explainAddress = <A, R>(server: Layer.Layer<A, ServeError, R>, address: Address): Layer.Layer<A, AddressUnavailable, R> =>
  Layer.catch(server, ({ cause }) => Layer.effectContext(Effect.fail(new AddressUnavailable({ reason: explain(cause, address) }))))

const explain = (cause: unknown, { host, port }: Address): string => {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined
  switch (code) {
    case "EADDRINUSE":
      return `Port ${port} of ${host} is in use: stop what listens there, or set PORT to another one`
    case "EACCES":
      return `This user may not listen at port ${port} of ${host}: set PORT to one above 1023, or grant the right`
    case "EADDRNOTAVAIL":
    case "EAFNOSUPPORT":
      return `HOST is ${host}, which is no address of this machine: set it to one, or to 0.0.0.0 for all`
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `HOST is ${host}, a name that isn't found: set it to an address of this machine`
    default:
      return `The server can't listen at port ${port} of ${host} (HOST, PORT): ${cause instanceof Error ? cause.message : String(cause)}`
  }
}
