import js from '@eslint/js'
import rxjsX from 'eslint-plugin-rxjs-x'
import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

const time = ['Date', 'setTimeout', 'setInterval', 'setImmediate', 'performance']

export default defineConfig(
  { ignores: ['dist/**', 'coverage/**', 'node_modules/**', 'docs/.vitepress/{cache,content,dist}/**'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked, rxjsX.configs.strict],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'rxjs-x/no-ignored-subscription': 'error',
      'no-restricted-syntax': ['error', { selector: 'ImportExpression', message: 'import statically, so that the rooms can be read' }],
    },
  },
  {
    files: ['src/core/**', 'src/flow/**'],
    rules: {
      'no-restricted-globals': ['error', ...time.map(name => ({ name, message: 'time comes from flow/clock.ts and rxjs' }))],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'randomness is an argument' }],
    },
  },
  {
    files: ['src/flow/**', 'src/edge/**'],
    ignores: ['src/flow/clock.ts', 'src/edge/testing/**'],
    rules: {
      'no-restricted-imports': ['error', { paths: [{ name: 'rxjs', importNames: ['timer', 'interval', 'timeout'], message: 'timers start in flow/clock.ts' }] }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ImportExpression', message: 'import statically, so that the rooms can be read' },
        { selector: 'CallExpression[callee.object.name="asyncScheduler"][callee.property.name="schedule"]', message: 'timers start in flow/clock.ts' },
      ],
    },
  },
  {
    files: ['test/**', 'bench/**', 'examples/**'],
    rules: {
      'rxjs-x/no-ignored-error': 'off',
      'rxjs-x/no-ignored-default-value': 'off',
      'rxjs-x/no-ignored-subscription': 'off',
      'rxjs-x/no-floating-observables': 'off',
      '@typescript-eslint/require-await': 'off',
      'no-restricted-syntax': 'off',
    },
  },
  // Programs that run for ever, and the page that loads them.
  {
    files: ['docs/playground/**'],
    rules: {
      'rxjs-x/no-ignored-error': 'off',
      'rxjs-x/no-ignored-subscription': 'off',
      'rxjs-x/no-floating-observables': 'off',
      'no-restricted-syntax': 'off',
    },
  },
  { files: ['examples/**'], rules: { '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }] } },
  // Nest declares its options as classes, and documents object literals.
  { files: ['examples/gateway/**'], rules: { '@typescript-eslint/no-unsafe-class-instance-assignment': 'off' } },
  { files: ['**/*.test-d.ts'], rules: { '@typescript-eslint/no-unsafe-call': 'off', '@typescript-eslint/no-unnecessary-type-assertion': 'off' } },
  { files: ['**/*.{js,mjs}'], languageOptions: { globals: { process: 'readonly', console: 'readonly' } } },
  { files: ['docs/.vitepress/theme/**'], languageOptions: { globals: { document: 'readonly', innerHeight: 'readonly', setTimeout: 'readonly', clearTimeout: 'readonly' } } },
)
