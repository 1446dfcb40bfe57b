import { EMPTY, of, timer, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { catchUp } from '../../../../src/edge/etcd/watch/catch-up.js'
import { virtually, type VirtualHelpers } from '../../../../src/edge/testing/index.js'

const scene = ({ read = EMPTY, answersProgress = true }: { read?: Observable<unknown>; answersProgress?: boolean } = {}) => {
  let asked = 0
  let answers = true
  const confirmed: string[] = []
  const catching = catchUp(() => answersProgress, () => {
    asked += 1
    if (answers) timer(5).subscribe(catching.answered)
  }, read)
  const add = (id: string): void => catching.add(id, () => confirmed.push(id))
  return { ...catching, add, confirmed, asked: () => asked, silence: () => (answers = false) }
}

const inTime = (test: (time: VirtualHelpers) => void) => () => virtually(test)

describe('catch-up', () => {
  it('confirms all quiet watches by one progress request, and then stops asking', inTime(({ advance, pending }) => {
    const { add, confirmed, asked } = scene()
    for (const id of ['1', '2', '3']) add(id)
    advance(990)
    expect([asked(), confirmed]).toEqual([0, []])
    advance(50)
    expect([asked(), confirmed, pending()]).toEqual([1, ['1', '2', '3'], 0])
  }))

  it('14 does not believe an answer for a watch that has received events less than a second ago', inTime(({ advance }) => {
    const { add, remove, answered, confirmed } = scene()
    add('1')
    advance(900)
    add('1')
    answered()
    advance(500)
    expect(confirmed).toEqual([])
    advance(700)
    expect(confirmed).toEqual(['1'])
    remove('1')
  }))

  it('waits ten times longer while another watch receives its history, which may be in the way', inTime(({ advance }) => {
    const { add, confirmed, asked, close } = scene()
    add('1')
    add('2')
    for (let ms = 0; ms < 9_500; ms += 500) {
      add('2')
      advance(500)
    }
    expect([asked(), confirmed]).toEqual([0, []])
    for (let ms = 0; ms < 1_500; ms += 500) {
      add('2')
      advance(500)
    }
    expect(confirmed).toEqual(['1'])
    advance(1_500)
    expect(confirmed).toEqual(['1', '2'])
    close()
  }))

  it('does not wait longer for watches that were only just added', inTime(({ advance, pending }) => {
    const { add, confirmed } = scene()
    add('1')
    advance(900)
    add('2')
    advance(400)
    expect(confirmed).toEqual(['1'])
    advance(1_000)
    expect([confirmed, pending()]).toEqual([['1', '2'], 0])
  }))

  it('ignores an answer to a request from before the last event', inTime(({ advance }) => {
    const { add, answered, confirmed, silence, close } = scene()
    silence()
    add('1')
    advance(1_100)
    add('1')
    answered()
    expect(confirmed).toEqual([])
    close()
  }))

  it('1 decides by a read, after 3 s without events, if the server answers no progress request, as behind a grpc-proxy', inTime(({ advance, pending }) => {
    const { add, confirmed, asked } = scene({ read: of('answer'), answersProgress: false })
    add('1')
    advance(2_000)
    add('1')
    advance(2_900)
    expect(confirmed).toEqual([])
    advance(200)
    expect([asked(), confirmed, pending()]).toEqual([0, ['1'], 0])
  }))

  it('never decides by a read if the server answers progress requests: the read may overtake the history', inTime(({ advance }) => {
    const { add, answered, close, confirmed, silence } = scene({ read: of('answer') })
    silence()
    add('1')
    advance(60_000)
    expect(confirmed).toEqual([])
    answered()
    expect(confirmed).toEqual(['1'])
    close()
  }))

  it('confirms nothing while the read is not answered, either', inTime(({ advance, pending }) => {
    const { add, close, confirmed } = scene({ answersProgress: false })
    add('1')
    advance(60_000)
    expect(confirmed).toEqual([])
    close()
    expect(pending()).toBe(0)
  }))

  it('asks nothing for a watch that has left', inTime(({ advance, pending }) => {
    const { add, remove, asked } = scene()
    add('1')
    remove('1')
    advance(5_000)
    expect([asked(), pending()]).toEqual([0, 0])
  }))
})
