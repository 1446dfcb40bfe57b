import { getPriority, setPriority } from 'node:os'

/** Lower than that of etcd and of the tests that wait for it: what only computes must not delay them. */
const lower = 5

if (getPriority() < lower) setPriority(lower)
