import { existsSync } from 'node:fs'
import { join } from 'node:path'
import llmstxt from 'vitepress-plugin-llms'
import { defineConfig } from 'vitepress'
import { githubAnchor } from '../../src/edge/cli/doctor/github-anchor.ts'
import { hovers } from './hovers.mjs'
import { root, subpaths } from './paths.mjs'

const { DOCS_BASE: base = '/', DOCS_REPOSITORY: repository } = process.env
const links = entries => Object.entries(entries).map(([text, link]) => ({ text, link }))
const group = (text, entries, options) => ({ text, items: links(entries), ...options })

const sidebar = [
  group('Start', { 'Five minutes to the first set': '/getting-started', Overview: '/overview' }),
  group('Guides', {
    'HTTP servers: Express, Fastify': '/express',
    NestJS: '/nest',
    Angular: '/angular',
    Browsers: '/browser',
    gRPC: '/grpc',
    'Other stacks': '/interop',
    'Load balancing': '/load-balancing',
    'Subsets and probing': '/probing',
    Testing: '/testing',
  }),
  group('Operations', {
    etcd: '/etcd',
    'When etcd fails': '/reliability',
    'Command line': '/cli',
    Observability: '/observability',
    'The board': '/board',
    History: '/history',
  }),
  group('Recipes', { Recipes: '/recipes', 'From a loop of your own': '/migration', Comparison: '/comparison' }),
  group('Reference', {
    'All names': '/api',
    'rx-discovery': '/reference/rx-discovery/',
    ...Object.fromEntries(subpaths.map(edge => [`rx-discovery/${edge}`, `/reference/rx-discovery/${edge}`])),
  }),
  group('Project', {
    Architecture: '/architecture',
    Decisions: '/decisions',
    Performance: '/performance',
    Changes: '/changelog',
    Contributing: '/contributing',
    Security: '/security',
  }),
]

// The playground is built by itself, so the router leaves it to the browser.
const playground = existsSync(join(root, 'docs/playground/build.mjs')) ? [{ text: 'Playground', link: '/playground/', target: '_self' }] : []

export default defineConfig({
  title: 'rx-discovery',
  description: 'Reactive service registration, health checking and discovery on etcd, with RxJS',
  lang: 'en',
  base,
  srcDir: '.vitepress/content',
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: `${base}logo.svg` }]],
  ignoreDeadLinks: [/^\/playground\//],
  markdown: {
    anchor: { slugify: githubAnchor },
    attrs: { disable: true },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    ...hovers(),
  },
  themeConfig: {
    logo: '/logo.svg',
    nav: [...links({ Start: '/getting-started', Recipes: '/recipes', Reference: '/api' }), ...playground, ...links({ Changes: '/changelog' })],
    sidebar,
    outline: [2, 3],
    socialLinks: repository === undefined ? [] : [{ icon: 'github', link: repository }],
    search: {
      provider: 'local',
      // The pages that show files are not found. The index holds no colours and no types, so blocks are left as they are.
      options: {
        _render: (text, env, md) => {
          env.isPlain = true
          const html = md.render(text, env)
          return env.frontmatter?.search === false ? '' : html
        },
      },
    },
  },
  vite: {
    plugins: [llmstxt({ ignoreFiles: ['source/**'], injectLLMHint: false })],
    resolve: {
      alias: [
        { find: /^rx-discovery$/, replacement: join(root, 'dist/index.js') },
        { find: /^rx-discovery\/(\w+)$/, replacement: join(root, 'dist/edge/$1/index.js') },
        { find: '#internal', replacement: join(root, 'dist') },
      ],
    },
    build: { chunkSizeWarningLimit: 2_000 },
  },
})
