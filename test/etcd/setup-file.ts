import { inject } from 'vitest'

const trouble = inject('etcdTrouble')
if (trouble !== '') throw new Error(trouble)
