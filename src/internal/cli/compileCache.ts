/**
 * The folder of Node's compile cache. Node runs the files in it, so no other user may be able to write there.
 *
 * By default Node takes a folder in the shared temporary directory, which any local user can make first.
 */
import { lstatSync, mkdirSync, realpathSync } from "node:fs"
import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { dirname, isAbsolute, join } from "node:path"

/** Enables a cache in the user's own folder (XDG Base Directory Specification). No cache is enabled if the folder can't be made or trusted. */
export const enableOwnCompileCache = (): void => {
  // Windows has no user ids, so the owner of a folder can't be checked.
  const user = process.getuid?.()
  if (user === undefined) return
  try {
    const { XDG_CACHE_HOME = "" } = process.env
    const folder = join(isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(homedir(), ".cache"), "effect-api-key")
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (isOwn(folder, user)) enableCompileCache(folder)
  } catch {
    // A missing cache costs time only.
  }
}

const isOwn = (folder: string, user: number): boolean => {
  const status = lstatSync(folder)
  if (!status.isDirectory() || status.uid !== user || (status.mode & 0o077) !== 0) return false
  // Another user who may rename in a parent folder could exchange the folder below. In a sticky parent only the owner may.
  for (let above = dirname(realpathSync(folder)); ; above = dirname(above)) {
    const { uid, mode } = lstatSync(above)
    if (uid !== user && uid !== 0) return false
    const isShared = (mode & 0o022) !== 0
    const isSticky = (mode & 0o1000) !== 0
    if (isShared && !isSticky) return false
    if (above === dirname(above)) return true
  }
}
