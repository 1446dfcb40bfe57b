import type { SerializedError } from 'vitest'
import type { Reporter, TestModule } from 'vitest/node'

/** Prints `N passed, N failed` on a line of its own at the end of a run, over all projects. A failed file, hook or unhandled rejection counts as one failed test. */
export default class PlainReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 }
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state] += 1
      for (const group of [module, ...module.children.allSuites()]) count.failed += group.errors().length
    }
    const { passed, failed, skipped, pending } = count
    // A test that did not finish counts as failed.
    if (skipped > 0) process.stdout.write(`\n${skipped} skipped\n`)
    process.stdout.write(`\n${passed} passed, ${failed + pending} failed\n`)
  }
}
