/** Answers of which no more is read than a bound. */
import * as Bytes from "effect/Bytes"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import { DecodeError, HttpClientError } from "effect/http/HttpClientError"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

/** The cause of a `DecodeError`. */
export class AnswerTooLarge extends Schema.TaggedError<AnswerTooLarge>()("AnswerTooLarge", { maxSize: Schema.String }) {
  override get message(): string {
    return `more than ${this.maxSize}`
  }
}

/** The client whose answers fail to be read past `maxSize`, counted after decompression. */
export const boundAnswers = (client: HttpClient.HttpClient, maxSize: ByteSize.ByteSize): HttpClient.HttpClient =>
  HttpClient.transformResponse(client, (sent) =>
    Effect.flatMap(sent, (response) =>
      Effect.map(Effect.cached(read(response, maxSize)), (arrayBuffer): HttpClientResponse =>
        // Derived clients read whole bodies by `arrayBuffer` alone, which `fetch` doesn't bound.
        Object.create(response, { arrayBuffer: { value: arrayBuffer } }),
      ),
    ),
  )

const read = Effect.fnUntraced(function* (response: HttpClientResponse, maxSize: ByteSize.ByteSize) {
  const maxBytes = ByteSize.toBigInt(maxSize)
  const chunks: Array<Uint8Array> = []
  let size = 0
  const take = (chunk: Uint8Array) => {
    size += chunk.length
    if (size > maxBytes) return Effect.fail(tooLarge(response, maxSize))
    chunks.push(chunk)
    return Effect.void
  }
  yield* Effect.catchIf(Stream.runForEach(response.stream, take), isEmpty, () => Effect.void)
  return Bytes.concat(chunks).buffer
})

/** `fetch` has no stream of an answer without a body. */
const isEmpty = ({ reason }: HttpClientError): boolean => reason._tag === "EmptyBodyError"

const tooLarge = (response: HttpClientResponse, maxSize: ByteSize.ByteSize) =>
  new HttpClientError({
    reason: new DecodeError({ request: response.request, response, cause: new AnswerTooLarge({ maxSize: ByteSize.format(maxSize) }) }),
  })
