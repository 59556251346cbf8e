#!/usr/bin/env node
import { launch } from './launch.js'

await launch('infra/cli/main.ts', process.argv.slice(2))
