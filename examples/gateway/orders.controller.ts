import { Controller, Get } from '@nestjs/common'
import { lastValueFrom } from 'rxjs'
import type { Balancer, UseOptions } from 'rx-discovery'
import { InjectBalancer } from 'rx-discovery/nest'

interface Order {
  readonly id: number
  readonly item: string
  readonly user: number
}
type Names = Readonly<Record<number, string>>

/** What an instance answers: its id, and the answer. */
interface Answer<A> {
  readonly by: string
  readonly body: A
}

const options: UseOptions = { timeout: 1_000, retries: 2 }

/** Calls an instance that the balancer chooses. */
const get = <A>(balancer: Balancer, path: string): Promise<Answer<A>> =>
  lastValueFrom(
    balancer.use(async ({ id, address }, signal) => {
      const response = await fetch(`http://${address}${path}`, { signal })
      if (!response.ok) throw new Error(`${address} answered ${response.status}`)
      return { by: id, body: (await response.json()) as A }
    }, options),
  )

/** Joins what two services know. */
@Controller('api/orders')
export class OrdersController {
  constructor(
    @InjectBalancer('orders') private readonly orders: Balancer,
    @InjectBalancer('users') private readonly users: Balancer,
  ) {}

  @Get()
  async latest() {
    const [orders, names] = await Promise.all([get<readonly Order[]>(this.orders, '/latest'), get<Names>(this.users, '/names')])
    return {
      by: [orders.by, names.by],
      orders: orders.body.map(({ id, item, user }) => ({ id, item, name: names.body[user] ?? 'unknown' })),
    }
  }
}
