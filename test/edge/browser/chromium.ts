import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'

const places = [process.env['CHROMIUM_BIN'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const find = (): string | undefined => places.find(place => place !== undefined && existsSync(place))

const install = (...args: readonly string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    execFile('apt-get', args, { env, timeout: 300_000 }, (error, stdout, stderr) =>
      error === null ? resolve() : reject(new Error(`no Chromium: set CHROMIUM_BIN to its file; apt-get ${args.join(' ')} failed: ${(stderr || stdout || error.message).trim().slice(-500)}`)),
    )
  })

/** Starts a Chromium without a window: that of `CHROMIUM_BIN` or of the system; Debian's package is installed if there is none. */
export const startChromium = async (): Promise<Browser> => {
  const packages = ['install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300', 'chromium']
  if (find() === undefined) await install(...packages).catch(() => install('update').then(() => install(...packages)))
  return chromium.launch({ executablePath: find() ?? '', args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}
