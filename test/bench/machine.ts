/** The machine a figure was measured on, in general terms: no names, no paths. */
import { spawnSync } from 'node:child_process'
import { cpus, loadavg, totalmem } from 'node:os'
import { locateJava } from '../../infra/embedded/java.ts'

/** Cores there are: a benchmark may have taken some of them from this process. */
export const coreCount = cpus().length

/** Cores, memory and versions. */
export function machine(): string {
  const { path } = locateJava(process.env)
  const java = /version "([^"]+)"/.exec(spawnSync(path, ['-version'], { encoding: 'utf8' }).stderr)?.[1]
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${coreCount} cores (${process.platform} ${process.arch}), ${memory} GiB, Node ${process.versions.node}, Java ${java ?? 'unknown'}`
}

/** Processes that wanted a core over the last minute. */
export function load(): number {
  return loadavg()[0]!
}
