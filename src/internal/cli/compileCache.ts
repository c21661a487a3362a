/**
 * The folder of Node's compile cache. Its files are run, so it is used only where no other user can have written them.
 *
 * By default Node takes a folder of the shared temporary directory, which any local user can make first.
 */
import { lstatSync, mkdirSync, realpathSync } from "node:fs"
import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { dirname, isAbsolute, join } from "node:path"

/** The caller's own cache (XDG Base Directory Specification), or none where it can't be made or trusted. */
export const enableOwnCompileCache = (): void => {
  // Without user ids, as on Windows, an owner can't be told.
  const user = process.getuid?.()
  if (user === undefined) return
  try {
    const { XDG_CACHE_HOME = "" } = process.env
    const folder = join(isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(homedir(), ".cache"), "effect-api-key")
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (isOwn(folder, user)) enableCompileCache(folder)
  } catch {
    // A cache that can't be had costs time only.
  }
}

const isOwn = (folder: string, user: number): boolean => {
  const status = lstatSync(folder)
  if (!status.isDirectory() || status.uid !== user || (status.mode & 0o077) !== 0) return false
  // A folder above it may be exchanged along with it, unless only its owner may rename in it.
  for (let above = dirname(realpathSync(folder)); ; above = dirname(above)) {
    const { uid, mode } = lstatSync(above)
    if (uid !== user && uid !== 0) return false
    const isShared = (mode & 0o022) !== 0
    const isSticky = (mode & 0o1000) !== 0
    if (isShared && !isSticky) return false
    if (above === dirname(above)) return true
  }
}
