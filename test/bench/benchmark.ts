/** What a benchmark is, and what it reports. */

/** A figure over several runs. */
export type Figure = {
  readonly name: string
  readonly unit: string
  /** One value per run, or the median of a run where a run is many observations. */
  readonly values: readonly number[]
  readonly goal?: { readonly at: 'least' | 'most'; readonly value: number }
  /** Why the goal may be missed: printed only when it is. */
  readonly why?: string
  /** Name of the figure, measured in the same run, this one is divided by. */
  readonly baseline?: string
}

/** A table that is not a figure per row. */
export type Breakdown = {
  readonly title: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly (string | number)[])[]
}

/** What a benchmark found. */
export type Report = {
  /** What was done, in a few sentences. */
  readonly setting: string
  readonly figures: readonly Figure[]
  readonly breakdowns?: readonly Breakdown[]
}

/** What a benchmark may use. */
export type Context = {
  /** Fewer and shorter runs: to see that it works, not to publish. */
  readonly quick: boolean
  /** A folder that is removed afterwards. */
  readonly dir: string
  readonly note: (line: string) => void
}

/** One benchmark. */
export type Benchmark = {
  readonly name: string
  readonly title: string
  run(context: Context): Promise<Report>
}
