import assert from 'node:assert/strict'
import { test } from 'node:test'
import { processorNames } from '../../infra/processors.ts'
import { healthPort } from '../../infra/up.ts'

const portsFrom = (port: number): string[] =>
  processorNames.map(name => healthPort(port, name).EVERSEED_HEALTH_PORT)

test('a health port that was set is the first processor’s, and every other one gets its own', () => {
  assert.deepEqual(
    portsFrom(9464),
    processorNames.map((_, index) => String(9464 + index))
  )
  assert.deepEqual(new Set(portsFrom(0)), new Set(['0']), '0 stays any free one')
  assert.throws(() => portsFrom(65_530), { code: 'CONFIG_INVALID', message: /EVERSEED_HEALTH_PORT 65530/ })
})
