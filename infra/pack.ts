/**
 * `npm pack` calls it: compiles what an installed package runs, since Node strips types nowhere below node_modules, and lays
 * beside it what is read at run time.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const out = join(root, 'dist')

/** Files of those folders that are no code, and are read by it. */
const read = '{schemas,infra}/**/*.{avsc,sql,xml,properties,yaml,gz}'
/** Names without an ending. */
const programs = 'infra/embedded/mvnw'

rmSync(out, { recursive: true, force: true })
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit'
})
for (const file of globSync([read, `${programs}{,.cmd}`, 'infra/embedded/.mvn/**/*.properties'], {
  cwd: root
}))
  cpSync(join(root, file), join(out, file))
// The compiler leaves the endings of declarations as they were; only newer ones follow .ts to .d.ts.
for (const file of globSync('**/*.d.ts', { cwd: out })) {
  const path = join(out, file)
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replaceAll(/((?:\bfrom |\bimport\()(['"])\.[^'"]*)\.ts\2/g, '$1.js$2'))
}
// The command line says which version it is; it looks two folders above itself.
const { name, version, type } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
  string,
  unknown
>
writeFileSync(join(out, 'package.json'), `${JSON.stringify({ name, version, type })}\n`)
