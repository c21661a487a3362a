/** Maps and sets that hold a bounded number of keys: the newest ones. */

/** Sets a key as the newest one. Where the map would hold more than `limit`, its oldest key is dropped. */
export const setBounded = <K, V>(map: Map<K, V>, limit: number, key: K, value: V): void => {
  map.delete(key)
  dropOldest(map, limit)
  map.set(key, value)
}

/** As {@link setBounded}, for a set. */
export const addBounded = <K>(set: Set<K>, limit: number, key: K): void => {
  set.delete(key)
  dropOldest(set, limit)
  set.add(key)
}

const dropOldest = <K>(keys: Map<K, unknown> | Set<K>, limit: number): void => {
  const [oldest] = keys.size >= limit ? keys.keys() : []
  if (oldest !== undefined) keys.delete(oldest)
}
