/** Shell completions. They include the flags of every command and the names of files, which Effect's own completions leave out. */
import * as Command from "effect/cli/Command"
import * as Completions from "effect/cli/Completions"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Json, NoColor, Url } from "./settings.ts"

type Descriptor = Completions.CommandDescriptor

const describe = (command: Command.Command.Any): Descriptor => Completions.fromCommand(command)

/** The flags without their negations: `--no-help` would mean nothing. */
const flagsOf = (command: Command.Command.Any): ReadonlyArray<Completions.FlagDescriptor> =>
  describe(command).flags.map((flag) => ({ ...flag, negation: false }))

const everywhere = flagsOf(Command.make("flags", { help: GlobalFlag.Help.flag, logLevel: GlobalFlag.LogLevel.flag }))
const atRoot = flagsOf(Command.make("flags", { version: GlobalFlag.Version.flag, completions: GlobalFlag.Completions.flag }))
const ours = flagsOf(Command.make("flags", { json: Json.flag, noColor: NoColor.flag }))
const standalone = flagsOf(Command.make("flags", { url: Url.flag }))

/**
 * Arguments and flags that name files, by command. The commands declare them as strings. Effect would make a path absolute, even the
 * path `-`.
 */
const paths: Readonly<Record<string, Readonly<Record<string, "file" | "directory" | "either">>>> = {
  import: { file: "file" },
  export: { output: "file" },
  scan: { path: "either", git: "directory" },
}

const withPath = <A extends { readonly name: string }>(parts: ReadonlyArray<A>, command: string): ReadonlyArray<A> =>
  parts.map((part) => {
    const pathType = paths[command]?.[part.name]
    return pathType === undefined ? part : { ...part, type: { _tag: "Path", pathType } }
  })

const complete = (descriptor: Descriptor, flags: ReadonlyArray<Completions.FlagDescriptor>): Descriptor => {
  const inherited = descriptor.name === "api-keys" ? [...flags, ...ours] : flags
  const known = new Set(descriptor.flags.map(({ name }) => name))
  const isOurs = inherited.length > everywhere.length
  return {
    ...descriptor,
    flags: [
      ...(isOurs ? withPath(descriptor.flags, descriptor.name) : descriptor.flags),
      ...inherited.filter(({ name }) => !known.has(name)),
    ],
    arguments: isOurs ? withPath(descriptor.arguments, descriptor.name) : descriptor.arguments,
    subcommands: descriptor.subcommands.map((each) => complete(each, inherited)),
  }
}

/** `--completions` */
export const completions: typeof GlobalFlag.Completions = GlobalFlag.Action({
  flag: GlobalFlag.Completions.flag,
  run: (shell, { command }) => {
    if (Option.isNone(shell)) return Effect.void
    const root = complete(describe(command), command.name === "effect-api-key" ? [...everywhere, ...ours, ...standalone] : everywhere)
    return Console.log(Completions.generate(command.name, shell.value, { ...root, flags: [...root.flags, ...atRoot] }))
  },
})
