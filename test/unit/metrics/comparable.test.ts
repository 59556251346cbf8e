import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isComparable } from '../../../metrics/comparable.ts'

const people = { least: 180, most: 210 }

test('what moves with the number of documents is compared with as many, the rest with any', () => {
  for (const key of ['embedding_frechet', 'embedding_vendi_q2', 'cluster_coverage', 'vendi_q1']) {
    assert.deepEqual(
      [179, 180, 210, 211].map(documents => isComparable(key, documents, people)),
      [false, true, true, false],
      key
    )
    assert.ok(isComparable(key, 1, undefined), 'people among themselves')
  }
  for (const documents of [1, 50, 195, 5000])
    assert.ok(
      isComparable('types', documents, people) && isComparable('embedding_cosine_squared', documents, people)
    )
  assert.deepEqual(
    [89, 90, 1000].map(documents => isComparable('cluster_entropy', documents, people)),
    [false, true, true]
  )
})
