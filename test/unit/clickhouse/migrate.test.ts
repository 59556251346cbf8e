import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { views } from '../../../infra/cli/views.ts'
import { migrations, statementsOf } from '../../../infra/clickhouse/migrate.ts'

test('statements end at semicolons outside of quotes and comments', () => {
  assert.deepEqual(
    statementsOf(`SELECT 1; -- one; two\nSELECT 'a;b\\'c;', 'it''s;' ; SELECT \`d;e\` - 1;\n\n`),
    ['SELECT 1', `SELECT 'a;b\\'c;', 'it''s;'`, 'SELECT `d;e` - 1']
  )
  assert.deepEqual(statementsOf('  -- nothing\n'), [])
})

test('whatever a literal holds, its statement stays whole', () => {
  const literal = fc.string().map(text => `SELECT '${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`)
  fc.assert(
    fc.property(fc.array(literal, { minLength: 1 }), statements => {
      assert.deepEqual(statementsOf(statements.join(';\n')), statements)
    })
  )
})

test('the views people are told of are those the migrations make', () => {
  const made = migrations().flatMap(({ sql }) => [...sql.matchAll(/^CREATE VIEW IF NOT EXISTS (\w+)/gm)])
  assert.deepEqual(
    made.map(([, name]) => name),
    [...views]
  )
})

test('migrations have a number each, and no statement names a database', () => {
  const found = migrations()
  assert.ok(found.length >= 3)
  assert.equal(new Set(found.map(({ name }) => name.slice(0, 4))).size, found.length)
  for (const { sql } of found) {
    for (const statement of statementsOf(sql)) {
      assert.doesNotMatch(statement, /everseed/)
      // A process that dies half-way is taken over by the next: everything can be repeated.
      assert.match(
        statement,
        /^(CREATE (TABLE|VIEW|MATERIALIZED VIEW) IF NOT EXISTS|CREATE OR REPLACE VIEW|ALTER TABLE \w+\s+ADD COLUMN IF NOT EXISTS)/
      )
    }
  }
})
