import type { Row } from '../row.js'
import { accessChanges } from './access-changes.js'
import { membersThatChange } from './members-that-change.js'
import { networkFaults } from './network-faults.js'
import { oneMember } from './one-member.js'
import { otherClients } from './other-clients.js'
import { processFaults } from './process-faults.js'
import { shutdown } from './shutdown.js'
import { threeMembers } from './three-members.js'
import { throughGrpcProxy } from './through-grpc-proxy.js'

/** The rows of the failure matrix. */
export const rows: readonly Row[] = [...oneMember, ...threeMembers, ...membersThatChange, ...networkFaults, ...throughGrpcProxy, ...processFaults, ...otherClients, ...accessChanges, ...shutdown]
