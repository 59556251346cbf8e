#!/usr/bin/env node
// node bin/node24.js SCRIPT [ARGUMENT …]: runs a TypeScript file of the project, installing what is missing.
import { launch } from './launch.js'

const [script, ...args] = process.argv.slice(2)
await launch(script, args)
