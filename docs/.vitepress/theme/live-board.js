import { useData } from 'vitepress'
import { defineComponent, h, onBeforeUnmount, onMounted, ref } from 'vue'

/** What the visitor can do to the fleet, and how the button calls it. */
const levers = { interrupt: 'Cut etcd off for 8 s', expire: 'Expire a lease', start: 'Start an instance', drain: 'Drain an instance' }

/** A small fleet in memory: every registration is a real one. */
const startFleet = async () => {
  const [{ register }, { memoryRegistry }, { Subject }] = await Promise.all([import('rx-discovery'), import('rx-discovery/memory'), import('rxjs'), import('rx-discovery/board')])
  const registry = memoryRegistry()
  let running = []
  let count = 0
  const start = service => {
    count += 1
    const until = new Subject()
    const instance = { service, id: `${service}-${count}`, address: `10.0.0.${count}:8000`, version: '1.4.0', zone: count % 2 === 0 ? 'eu-1' : 'eu-2' }
    const subscription = register(registry, instance, { ttl: 5, until, drain: 4_000 }).subscribe({ complete: () => (running = running.filter(each => each.until !== until)) })
    running.push({ service, until, subscription })
  }
  for (const service of ['web', 'web', 'web', 'orders', 'orders', 'payments']) start(service)
  const any = list => list[Math.floor(Math.random() * list.length)]
  return {
    registry,
    interrupt: () => registry.interrupt(8_000),
    start: () => start(['web', 'orders', 'payments'][count % 3]),
    drain: () => any(running)?.until.next(),
    expire: () => {
      const lease = any(registry.leases())
      if (lease !== undefined) registry.expire(lease.id)
    },
    close: () => {
      for (const { subscription } of running) subscription.unsubscribe()
      return registry.close()
    },
  }
}

/** The board of the package on a registry in the page itself, with buttons that disturb it. */
export const LiveBoard = defineComponent(() => {
  const { isDark } = useData()
  const fleet = ref()
  let isGone = false
  onMounted(async () => {
    const started = await startFleet()
    if (isGone) await started.close()
    else fleet.value = started
  })
  onBeforeUnmount(() => {
    isGone = true
    void fleet.value?.close()
  })
  return () =>
    h('section', { class: 'live-board', 'aria-labelledby': 'live-board' }, [
      h('h2', { id: 'live-board' }, 'Try it'),
      h('p', 'The board of the package follows a registry in this page. Cut etcd off, and see that nothing vanishes.'),
      h('div', { class: 'levers' }, Object.entries(levers).map(([lever, text]) => h('button', { type: 'button', disabled: fleet.value === undefined, onClick: () => fleet.value[lever]() }, text))),
      h('div', { class: 'frame' }, fleet.value === undefined ? [] : [h('rx-discovery-board', { '.registry': fleet.value.registry, '.theme': isDark.value ? 'dark' : 'light', '.heading': 'A fleet in this page' })]),
    ])
})
