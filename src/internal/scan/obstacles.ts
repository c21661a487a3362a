/**
 * Finds pipes and devices in places where git expects a file. Git would open them and wait without end, and an archive can hold a pipe.
 *
 * Files with fixed names are checked. A time limit on each call of git covers the others.
 */
import { lstatSync, readdirSync, readFileSync, realpathSync, type Stats, statSync } from "node:fs"
import { homedir } from "node:os"
import { dirname, isAbsolute, join, resolve } from "node:path"

/** The first obstacle to a command that reads the history of the repository around the folder. */
export const inRepository = (folder: string): string | undefined => {
  const found = findRepository(resolve(folder))
  if (found === undefined) return undefined
  if (found.gitFolder === undefined) return join(found.top, ".git")
  for (const each of new Set([found.gitFolder, commonFolder(found.gitFolder)])) {
    const obstacle =
      first(walk(each, isOwnFolder)) ?? first(configured(join(each, "config"))) ?? first(configured(join(each, "config.worktree")))
    if (obstacle !== undefined) return obstacle
  }
  return first(globalFiles())
}

/** The first obstacle to a command that also reads the rules for ignored files at or below the folder. */
export const inWorkTree = (folder: string): string | undefined => {
  const obstacle = inRepository(folder)
  if (obstacle !== undefined) return obstacle
  const from = resolve(folder)
  const top = findRepository(from)?.top ?? from
  for (let at = from; ; at = dirname(at)) {
    const path = join(at, ".gitignore")
    if (isObstacle(path)) return path
    if (at === top || at === dirname(at)) break
  }
  return first(ignoreFiles(from))
}

const first = (paths: Iterable<string>): string | undefined => {
  for (const path of paths) if (isObstacle(path)) return path
  return undefined
}

/** Whether git would wait for a file. Links are followed, as git follows them. A socket can't be opened, so git doesn't wait for it. */
const isObstacle = (path: string): boolean => {
  const stats = attempt(() => statSync(path))
  return stats !== undefined && isEndless(stats) && attempt(() => realpathSync(path)) !== "/dev/null"
}

const isEndless = (stats: Stats): boolean => stats.isFIFO() || stats.isCharacterDevice()

const attempt = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    // A file of unknown kind is left to git.
    return undefined
  }
}

interface Repository {
  readonly top: string
  /** Undefined if `.git` itself is an obstacle. */
  readonly gitFolder: string | undefined
}

const findRepository = (from: string): Repository | undefined => {
  for (let at = from; ; at = dirname(at)) {
    const path = join(at, ".git")
    const stats = attempt(() => statSync(path))
    if (stats !== undefined) {
      if (isEndless(stats)) return { top: at, gitFolder: undefined }
      if (stats.isDirectory()) return { top: at, gitFolder: path }
      const [, target] = /^gitdir: (.*)$/m.exec(readText(path)) ?? []
      if (target !== undefined) return { top: at, gitFolder: resolve(at, target.trim()) }
    }
    // The folder is a bare repository.
    if (attempt(() => lstatSync(join(at, "HEAD"))) !== undefined && attempt(() => statSync(join(at, "objects")))?.isDirectory() === true) {
      return { top: at, gitFolder: at }
    }
    if (at === dirname(at)) return undefined
  }
}

/** A linked work tree shares most of its files with the first one. */
const commonFolder = (gitFolder: string): string => {
  const text = readText(join(gitFolder, "commondir")).trim()
  return text === "" ? gitFolder : resolve(gitFolder, text)
}

const maxConfigBytes = 1_048_576

const readText = (path: string): string => {
  const stats = attempt(() => statSync(path))
  return stats?.isFile() === true && stats.size <= maxConfigBytes ? (attempt(() => readFileSync(path, "utf8")) ?? "") : ""
}

// Objects have too many names to check, and submodules are repositories of their own.
const isOwnFolder = (path: string): boolean => !/[/\\](?:objects[/\\][0-9a-f]{2}|modules|lfs)$/.test(path)

function* walk(folder: string, enters: (path: string) => boolean): Generator<string> {
  const folders = [folder]
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    const path = at
    for (const entry of attempt(() => readdirSync(path, { withFileTypes: true })) ?? []) {
      const child = join(path, entry.name)
      if (!entry.isDirectory()) yield child
      else if (enters(child)) folders.push(child)
    }
  }
}

/** The `.gitignore` files below a folder. Git reads neither another repository's `.git` nor linked folders. */
function* ignoreFiles(folder: string): Generator<string> {
  for (const path of walk(folder, (path) => !path.endsWith("/.git"))) if (path.endsWith("/.gitignore")) yield path
}

function* globalFiles(): Generator<string> {
  const { GIT_CONFIG_GLOBAL, XDG_CONFIG_HOME } = process.env
  const home = process.env["HOME"] ?? homedir()
  const xdg = join(XDG_CONFIG_HOME || join(home, ".config"), "git")
  yield join(xdg, "ignore")
  for (const path of GIT_CONFIG_GLOBAL ? [GIT_CONFIG_GLOBAL] : [join(xdg, "config"), join(home, ".gitconfig")]) yield* configured(path)
}

/** A configuration file, its included files, and the files that it names. */
function* configured(path: string, depth = 0): Generator<string> {
  yield path
  // Git gives up at the same depth.
  if (depth > 10) return
  let section = ""
  for (const line of readText(path).split("\n")) {
    const [, header] = /^\s*\[\s*([A-Za-z]+)/.exec(line) ?? []
    if (header !== undefined) section = header.toLowerCase()
    const [, name, value] = /(?:^|\])\s*(path|excludesfile|attributesfile)\s*=\s*(.*?)\s*(?:[#;].*)?$/i.exec(line) ?? []
    if (name === undefined || value === undefined) continue
    const target = resolveIn(dirname(path), value.replace(/^"(.*)"$/, "$1"))
    if (section.startsWith("include")) yield* configured(target, depth + 1)
    else if (section === "core") yield target
  }
}

const resolveIn = (folder: string, path: string): string =>
  path.startsWith("~/") ? join(process.env["HOME"] ?? homedir(), path.slice(2)) : isAbsolute(path) ? path : join(folder, path)
