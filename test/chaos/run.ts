/** `npm run chaos`: the pipeline under 500 kills. `-- --kills N --seed S` runs another plan. */
import { parseArgs } from 'node:util'
import { planFaults, runChaos } from '../helpers/chaos.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '500' },
    seed: { type: 'string', default: String(Date.now() % 1e6) },
    freezes: { type: 'string', default: '5' }
  }
})
const kills = Number(values.kills)
const seed = Number(values.seed)
console.log(`chaos: ${kills} kills, seed ${seed}`)
const started = performance.now()
const plan = planFaults(seed, kills, {
  brokerKills: Math.ceil(kills / 25),
  engineKills: Math.ceil(kills / 10),
  freezes: Number(values.freezes)
})
const verdict = await runChaos({
  faults: plan,
  documents: 600,
  prompts: 400,
  log: line => console.log(`  ${((performance.now() - started) / 1000).toFixed(0)} s  ${line}`)
})
const { seen: _, asked: __, ...figures } = verdict
console.log(JSON.stringify(figures, null, 2))
console.log(
  `everything agrees after ${Object.values(verdict.kills).reduce((sum, count) => sum + count, 0)} kills in ${((performance.now() - started) / 60_000).toFixed(1)} min`
)
