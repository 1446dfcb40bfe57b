import type { SerializedError } from 'vitest'
import type { Reporter, TestModule } from 'vitest/node'

/** Ends a run by `N passed, N failed` alone on a line, over all projects; a file, a hook or a stray promise that fails counts as one test. */
export default class PlainReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 }
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state] += 1
      for (const group of [module, ...module.children.allSuites()]) count.failed += group.errors().length
    }
    const { passed, failed, skipped, pending } = count
    // A test that never came to its end has not passed.
    process.stdout.write(`\n${passed} passed, ${failed + pending} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`)
  }
}
