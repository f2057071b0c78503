// Random numbers from a seed: the same seed gives the same run.

/** Draws random values from a seed. */
export class Random {
  #state: number

  constructor (seed: number) {
    this.#state = (seed ^ 0x9E3779B9) >>> 0
    // Seeds that follow each other must not give similar first values.
    for (let i = 0; i < 4; i++) this.unit()
  }

  /** A number from 0 to less than 1 (mulberry32). */
  unit (): number {
    this.#state = (this.#state + 0x6D2B79F5) >>> 0
    let value = this.#state
    value = Math.imul(value ^ (value >>> 15), value | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296
  }

  /** A whole number from `min` to `max`, both included. */
  integer (min: number, max: number): number {
    return min + Math.floor(this.unit() * (max - min + 1))
  }

  /** A number from `min` to `max` whose logarithm is distributed evenly: short durations are as frequent as long ones. */
  logarithmic (min: number, max: number): number {
    return min * Math.pow(max / min, this.unit())
  }

  chance (probability: number): boolean {
    return this.unit() < probability
  }

  pick<T> (values: readonly T[]): T {
    return values[Math.floor(this.unit() * values.length)] as T
  }

  /** Picks one of the names, each as often as its weight says. */
  weighted<T extends string> (weights: Readonly<Partial<Record<T, number>>>): T {
    const entries = Object.entries(weights) as Array<[T, number]>
    let rest = this.unit() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [name, weight] of entries) {
      rest -= weight
      if (rest < 0) return name
    }
    return (entries.at(-1) as [T, number])[0]
  }

  bytes (size: number): Buffer {
    const bytes = Buffer.alloc(size)
    for (let i = 0; i < size; i++) bytes[i] = Math.floor(this.unit() * 256)
    return bytes
  }

  /** Another source, so that what is drawn from it does not move what is drawn here. */
  fork (): Random {
    return new Random(Math.floor(this.unit() * 4294967296))
  }
}
