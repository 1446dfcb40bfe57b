import { ImageName, type ContainerRuntimeClient } from 'testcontainers'
import { toError } from '../../core/errors.js'

/** Downloads an image, unless the engine has it. */
export const pulledImage = async (client: ContainerRuntimeClient, image: string): Promise<void> => {
  try {
    await client.image.pull(ImageName.fromString(image))
  } catch (cause) {
    throw new Error(`the engine does not have the image ${image} and cannot pull it: ${toError(cause).message.trim()} (try docker pull ${image}, or name another one in the option image)`, { cause })
  }
}
