import { defaultImage, type EtcdContainerOptions } from './container-options.js'
import { engine } from './engine.js'
import { pulledImage } from './pulled-image.js'
import type { MemberOptions } from './started-etcd.js'

/** What all etcds that are started with these options share. Resolves when the engine has the image. */
export const sharedOptions = async ({ image = defaultImage, flags = [], startWithin = 60_000 }: EtcdContainerOptions = {}): Promise<Omit<MemberOptions, 'name' | 'peers' | 'join'>> => {
  const client = await engine()
  await pulledImage(client, image)
  return { client, image, flags, startWithin }
}
