import assert from 'node:assert/strict'
import { test } from 'node:test'
import { htmlOf, svgOf } from '../../../infra/measure/chart.ts'
import { chartOf } from '../../../infra/measure/files.ts'
import { createYardstick } from '../../../infra/measure/human.ts'
import { type Text, textOf } from '../../../infra/measure/texts.ts'
import { random } from '../../../metrics/random.ts'

function corpus(count: number, seed: number, model = ''): Text[] {
  const draws = random(seed)
  return Array.from({ length: count }, (_, index) => {
    const text = Array.from({ length: 40 }, () => `w${Math.floor(draws.float() ** 4 * 2000)}`).join(' ')
    return textOf({ id: `${seed}-${index}`, text, model }, { by: 'model' })
  })
}

/** Names of elements in the order they open; throws where one is not closed by its own. */
function elements(xml: string): string[] {
  const open: string[] = []
  const all: string[] = []
  for (const [, close, name, empty] of xml.matchAll(/<(\/?)([a-z]+)(?:\s+[\w-]+="[^"<]*")*\s*(\/?)>/g)) {
    if (close === '/') assert.equal(open.pop(), name)
    else {
      all.push(name!)
      if (empty !== '/') open.push(name!)
    }
  }
  assert.deepEqual(open, [])
  // Every sign that could open something does.
  assert.equal(xml.match(/</g)!.length, [...xml.matchAll(/<\/?[a-z]+(?:\s+[\w-]+="[^"<]*")*\s*\/?>/g)].length)
  return all
}

const human = corpus(200, 1)

test('every whole window is a point, every group a line, the band behind them', () => {
  const texts = [...corpus(34, 2, 'one'), ...corpus(20, 3, 'two')]
  const chart = chartOf('a.jsonl', texts, { yardstick: createYardstick(human, undefined), window: 200 })
  assert.deepEqual(
    chart.series.map(({ name, windows }) => [name, windows.length]),
    [
      ['one', 7],
      ['two', 4]
    ]
  )
  const svg = svgOf(chart)
  const names = elements(svg)
  const count = (name: string): number => names.filter(one => one === name).length
  const panels = count('g')
  // Without seed texts there is no novel type share.
  assert.equal(panels, 14)
  assert.equal(count('circle'), panels * (6 + 4) + 2, 'one window is partial; two circles are in the legend')
  assert.equal(count('path'), panels * 2)
  assert.match(svg, /± 1 and 2 sd of \d+ windows/)
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/)
  const page = htmlOf(chart)
  assert.ok(page.includes(svg) && page.includes('<code>tail_types_kept</code>'))
})

test('however many lines there are, no two look alike, in the panels and in the legend', () => {
  const texts = Array.from({ length: 20 }, (_, index) => corpus(12, 30 + index, `m${index}`)).flat()
  const chart = chartOf('many', texts, { yardstick: createYardstick(undefined, undefined), window: 200 })
  const svg = svgOf(chart)
  elements(svg)
  const looks = (element: string): string[] =>
    Array.from(
      svg.matchAll(new RegExp(`<${element}[^>]* stroke="(#\\w+)"([^>]*)/>`, 'g')),
      ([, colour, rest]) => [colour, /stroke-dasharray="[^"]+"/.exec(rest!)?.[0]].join(' ')
    )
  const [inPanels, inLegend] = [looks('path'), looks('line')]
  assert.equal(new Set(inPanels).size, 20)
  assert.equal(inLegend.length, 20)
  assert.deepEqual(inPanels.slice(0, 20), inLegend)
})

test('names from files are text, not markup', () => {
  const nasty = '<script>alert("1")</script>\u0007 & more'
  const chart = chartOf(nasty, corpus(20, 4, nasty), {
    yardstick: createYardstick(undefined, undefined),
    window: 200
  })
  for (const text of [svgOf(chart), htmlOf(chart)]) {
    assert.ok(!text.includes('<script') && !text.includes('\u0007'))
    assert.match(text, /&lt;script&gt;alert\(&quot;1&quot;\)&lt;\/script&gt; {2}&amp; more/)
  }
  elements(svgOf(chart))
})

test('a size is found where none is given: groups fill windows, the reference a band', () => {
  const texts = [...corpus(60, 5, 'one'), ...corpus(15, 6, 'two')]
  const chart = chartOf('a', texts, { yardstick: createYardstick(human, undefined) })
  assert.ok(chart.band && chart.band.missing === 0)
  for (const { windows } of chart.series) assert.ok(windows.filter(({ partial }) => !partial).length >= 3)
})

test('what has one value, or none, is drawn all the same', () => {
  const same = Array.from({ length: 30 }, () => textOf({ text: 'the same words again and again here' }))
  const yardstick = createYardstick(undefined, undefined)
  assert.doesNotMatch(svgOf(chartOf('same', same, { yardstick, window: 70 })), /NaN|Infinity/)
  const empty = chartOf('short', same.slice(0, 2), { yardstick, window: 10_000 })
  assert.doesNotMatch(svgOf(empty), /NaN|Infinity/)
  const little = chartOf('little', same, {
    yardstick: createYardstick(human.slice(0, 4), undefined),
    window: 500
  })
  assert.match(svgOf(little), /no human band: about \d+ more human documents are missing/)
})
