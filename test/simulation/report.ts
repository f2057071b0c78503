// What the runs have met: a simulation that meets nothing, or in which everything is rejected, proves nothing.

/** What one run has met, and what became of its requests. */
export class SeedReport {
  readonly faults = new Set<string>()
  readonly outcomes = new Map<string, number>()
  readonly trace: string[] = []
  isTraced = false

  /** Takes note of a fault, or of what a plan has beside them. */
  count (fault: string | undefined): void {
    if (fault !== undefined) this.faults.add(fault)
  }

  outcome (name: string, times = 1): void {
    this.outcomes.set(name, (this.outcomes.get(name) ?? 0) + times)
  }
}

/** The sum of many runs. */
export class Report {
  seeds = 0
  readonly #faults = new Map<string, number>()
  readonly #outcomes = new Map<string, number>()

  add ({ faults, outcomes }: { faults: Iterable<string>, outcomes: Iterable<readonly [string, number]> }): void {
    this.seeds++
    for (const fault of faults) this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + 1)
    for (const [name, count] of outcomes) this.#outcomes.set(name, (this.#outcomes.get(name) ?? 0) + count)
  }

  /** How many seeds met a fault. */
  seedsWith (fault: string): number {
    return this.#faults.get(fault) ?? 0
  }

  /** How many requests ended so. */
  outcome (name: string): number {
    return this.#outcomes.get(name) ?? 0
  }

  toString (): string {
    const lines = (counts: ReadonlyMap<string, number>) => [...counts].sort(([a], [b]) => a < b ? -1 : 1).map(([name, count]) => `${String(count).padStart(9)}  ${name}`)
    return [`Seeds: ${this.seeds}`, 'Seeds that met:', ...lines(this.#faults), 'Outcomes:', ...lines(this.#outcomes)].join('\n')
  }

  /** What another process has counted. */
  toJSON (): { seeds: number, faults: Array<[string, number]>, outcomes: Array<[string, number]> } {
    return { seeds: this.seeds, faults: [...this.#faults], outcomes: [...this.#outcomes] }
  }

  merge ({ seeds, faults, outcomes }: ReturnType<Report['toJSON']>): void {
    this.seeds += seeds
    for (const [name, count] of faults) this.#faults.set(name, (this.#faults.get(name) ?? 0) + count)
    for (const [name, count] of outcomes) this.#outcomes.set(name, (this.#outcomes.get(name) ?? 0) + count)
  }
}
