/** Counters and latencies of a processor, in Prometheus' terms. The wrapper counts; a processor holds none of this. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { ProviderState } from '../llm/providers.ts'

/** What the runner tells of its work. */
export type ProcessorMetrics = {
  /** One record: emitted, dropped (by reason), dead (by reason), forwarded, retried. */
  count(outcome: 'emitted' | 'dropped' | 'dead' | 'forwarded' | 'retried', reason: string): void
  /** One record, from its bytes to what is written of it, retries included. */
  handled(milliseconds: number): void
  /** One transaction: records consumed, records written, milliseconds. */
  committed(consumed: number, written: number, milliseconds: number): void
  lost(reason: string): void
}

/** Metrics of a process with their text form. */
export type MetricsEndpoint = ProcessorMetrics & {
  /** Current values of gauges, asked for at each scrape. */
  gauges(read: () => { backlog: number; memory: number; slots: number }): void
  /** How the models behind APIs are doing, asked for at each scrape. */
  providers(read: () => readonly ProviderState[]): void
  text(): Promise<string>
  readonly contentType: string
}

/** From a record that is looked up to one that waits for a model. */
const recordBuckets = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300]
const secondsBuckets = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]

/**
 * @param processor label on every series
 */
export function createMetrics(processor: string): MetricsEndpoint {
  const registry = new Registry()
  registry.setDefaultLabels({ processor })
  const registers = [registry]
  const records = new Counter({
    name: 'everseed_records_total',
    help: 'Records by outcome',
    labelNames: ['outcome', 'reason'],
    registers
  })
  const consumed = new Counter({
    name: 'everseed_consumed_total',
    help: 'Records whose offsets were committed',
    registers
  })
  const written = new Counter({
    name: 'everseed_written_total',
    help: 'Records written, state and dead letters included',
    registers
  })
  const latencies = new Histogram({
    name: 'everseed_record_seconds',
    help: 'From the bytes of a record to what is written of it',
    buckets: recordBuckets,
    registers
  })
  const commits = new Histogram({
    name: 'everseed_commit_seconds',
    help: 'Duration of a commit',
    buckets: secondsBuckets,
    registers
  })
  const lost = new Counter({
    name: 'everseed_lost_slots_total',
    help: 'Slots given up',
    labelNames: ['reason'],
    registers
  })
  let read = (): { backlog: number; memory: number; slots: number } => ({ backlog: 0, memory: 0, slots: 0 })
  const gauge = (name: string, help: string, value: () => number): void => {
    const one: Gauge = new Gauge({ name, help, registers, collect: () => one.set(value()) })
  }
  gauge('everseed_backlog', 'Records read and not yet committed', () => read().backlog)
  gauge('everseed_memory_entries', 'Entries in the memory of all slots', () => read().memory)
  gauge('everseed_slots', 'Slots owned', () => read().slots)
  gauge('everseed_resident_bytes', 'Resident memory of the process', () => process.memoryUsage.rss())

  return {
    count: (outcome, reason) => records.inc({ outcome, reason }),
    handled: milliseconds => latencies.observe(milliseconds / 1000),
    committed(count, out, milliseconds) {
      consumed.inc(count)
      written.inc(out)
      commits.observe(milliseconds / 1000)
    },
    lost: reason => lost.inc({ reason }),
    gauges: source => void (read = source),
    providers(states) {
      const each = (name: string, help: string, value: (state: ProviderState) => number): void => {
        const collect = (): void => {
          for (const state of states()) one.set({ server: state.server, model: state.model }, value(state))
        }
        const one: Gauge = new Gauge({ name, help, labelNames: ['server', 'model'], registers, collect })
      }
      const opened = { closed: 0, 'half-open': 0.5, open: 1 }
      each('everseed_provider_down', '1: down, calls wait; 0.5: a probe is out', one => opened[one.breaker])
      each('everseed_provider_in_flight', 'Calls under way', one => one.inFlight)
      each('everseed_provider_queued', 'Calls that wait for their turn', one => one.queued)
      each('everseed_provider_concurrency', 'Calls that may be under way', one => one.concurrency)
      each('everseed_provider_paused_seconds', 'Seconds of pause left', one => one.pausedMs / 1000)
    },
    text: () => registry.metrics(),
    contentType: registry.contentType
  }
}

/** Metrics nobody asks for: the in-memory tester's. */
export const noMetrics: ProcessorMetrics = {
  count: () => {},
  handled: () => {},
  committed: () => {},
  lost: () => {}
}
