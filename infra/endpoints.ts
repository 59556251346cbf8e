/** What a running `up` tells other commands, without loading what starts everything. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Identity } from './embedded/identity.ts'
import type { ChildState } from './embedded/supervisor.ts'

/** What a running `up` tells other commands, in the data folder's `endpoints.json`. */
export type Endpoints = Identity & {
  readonly environment: Readonly<Record<string, string>>
  readonly children: readonly (ChildState & { readonly health: string | null })[]
}

/** The endpoints a running `up` wrote, or undefined. */
export function readEndpoints(dataDir: string): Endpoints | undefined {
  try {
    return JSON.parse(readFileSync(join(dataDir, 'endpoints.json'), 'utf8')) as Endpoints
  } catch {
    return undefined
  }
}
