// Every module resolution of TypeScript, from the oldest supported version on.
import { program } from './programs.mjs'
import { file, install, newest, play, project, run, versionOf, works } from './tools.mjs'

play(tarball => {
  const folder = 'compilers'
  install(folder, tarball, ...newest, `typescript@${versionOf('typescript')}`, 'typescript-5.4@npm:typescript@5.4.5', 'typescript-5.9@npm:typescript@5.9.3', `@types/node@${versionOf('@types/node')}`)
  const typescripts = {
    'TypeScript 5.4, node16, CommonJS': ['typescript-5.4', 'cts', ['--module', 'node16']],
    'TypeScript 5.4, nodenext, ES modules': ['typescript-5.4', 'mts', ['--module', 'nodenext']],
    'TypeScript 5.4, node10, CommonJS': ['typescript-5.4', 'cts', ['--module', 'commonjs', '--moduleResolution', 'node10']],
    'TypeScript 5.9, node16, CommonJS': ['typescript-5.9', 'cts', ['--module', 'node16']],
    'TypeScript 5.9, node10, CommonJS': ['typescript-5.9', 'cts', ['--module', 'commonjs', '--moduleResolution', 'node10']],
    'TypeScript 6, nodenext, CommonJS': ['typescript', 'cts', ['--module', 'nodenext']],
    'TypeScript 6, nodenext, ES modules': ['typescript', 'mts', ['--module', 'nodenext']],
    'TypeScript 6, bundler': ['typescript', 'mts', ['--module', 'esnext', '--moduleResolution', 'bundler']],
  }
  for (const [name, [compiler, extension, options]] of Object.entries(typescripts))
    project(name, () => {
      const base = name.replace(/[^\w]+/g, '-')
      file(`${folder}/${base}/main.${extension}`, program.typed)
      file(`${folder}/${base}/package.json`, '{}')
      run(`${folder}/${base}`, process.execPath, `../node_modules/${compiler}/bin/tsc`, '--strict', '--target', 'es2022', '--lib', 'es2022,dom', '--types', 'node', '--skipLibCheck', 'false', ...options, `main.${extension}`)
      works(run(`${folder}/${base}`, process.execPath, `main.${extension === 'cts' ? 'cjs' : 'mjs'}`))
    })
})
