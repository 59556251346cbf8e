/** What the package exports: the metrics, and files measured with them. Nothing that runs is needed. */
export * from '../metrics/index.ts'
export { compareFiles, measureFile } from './measure/files.ts'
export type { FileComparison, FileOptions, FileReport } from './measure/files.ts'
export type { Comparison, Difference } from './measure/compare.ts'
export type { BandSource, Human, PerWindow, Report, Window } from './measure/report.ts'
export type { Overlap } from './measure/human.ts'
export { EverseedError } from '../schemas/errors.ts'
export type { ErrorCode } from '../schemas/errors.ts'
