// Generates the reference from the doc comments: a page for each subpath of the package.
import { join } from 'node:path'
import { Application, Converter, ReflectionKind, RendererEvent } from 'typedoc'
import { content, root, subpaths } from './paths.mjs'

const renameModules = (project, change) => {
  for (const module of project.getReflectionsByKind(ReflectionKind.Module)) module.name = change(module.name)
}
/** Modules are called as they are imported, not by the files of their sources. */
const importNames = application => {
  application.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => renameModules(project, name => `rx-discovery/${name.replace(/^edge\//, '')}`))
  // The files have their names by now, and no function of the main module shares one with a subpath.
  application.renderer.on(RendererEvent.BEGIN, ({ project }) => renameModules(project, name => name.replace(/\/index$/, '')))
}

export const writeReference = async () => {
  const application = await Application.bootstrapWithPlugins({
    entryPoints: [join(root, 'src/index.ts'), ...subpaths.map(edge => join(root, 'src/edge', edge, 'index.ts'))],
    tsconfig: join(root, 'src/tsconfig.json'),
    plugin: ['typedoc-plugin-markdown', importNames],
    out: join(content, 'reference'),
    router: 'module',
    name: 'Reference',
    readme: 'none',
    entryFileName: 'index',
    disableSources: true,
    disableGit: true,
    excludeInternal: true,
    excludePrivate: true,
    excludeExternals: true,
    // `npm run typecheck` does it.
    skipErrorChecking: true,
    validation: { notExported: false },
    treatWarningsAsErrors: true,
    hidePageHeader: true,
    hideBreadcrumbs: true,
    useCodeBlocks: true,
    sanitizeComments: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    tableColumnSettings: { hideSources: true, hideModifiers: true },
    logLevel: 'Warn',
  })
  const project = await application.convert()
  if (project === undefined) throw new Error('TypeDoc could not read the sources')
  await application.generateOutputs(project)
  if (application.logger.hasErrors() || application.logger.hasWarnings()) throw new Error('TypeDoc reported problems, see above')
}
