import * as Command from "effect/cli/Command"
export interface Options {
  readonly version: string
  readonly args?: ReadonlyArray<string> | undefined
  readonly isServer?: boolean | undefined
}
export declare const runMain: <Name extends string, Input, ContextInput, E>(
  command: Command.Command<Name, Input, ContextInput, E, Command.Environment>,
  { version, args, isServer }: Options,
) => void
