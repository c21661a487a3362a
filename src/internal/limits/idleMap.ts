/**
 * A map whose idle values are dropped little by little, as others are added. So the map needs no timer, holds few more values than are in use,
 * and no single call has much to do.
 */
export class IdleMap<V> {
  private readonly values = new Map<string, V>()
  private readonly isIdle: (value: V, now: number) => boolean
  private rest: MapIterator<[string, V]>
  /** The number of values to look at. */
  private due = 0

  constructor(isIdle: (value: V, now: number) => boolean) {
    this.isIdle = isIdle
    this.rest = this.values.entries()
  }

  get size(): number {
    return this.values.size
  }

  get(key: string): V | undefined {
    return this.values.get(key)
  }

  set(key: string, value: V): void {
    this.values.set(key, value)
    // With one look a value, a round would never catch up with values that are added meanwhile.
    this.due += 2
  }

  /** Drops the idle ones of a few values. To be called when none of the values that were got is about to be used. */
  dropIdle(now: number): void {
    for (; this.due > 0; this.due--) {
      const next = this.rest.next()
      if (next.done === true) this.rest = this.values.entries()
      else if (this.isIdle(next.value[1], now)) this.values.delete(next.value[0])
    }
  }
}
