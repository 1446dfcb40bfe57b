import type { Format } from '../../../src/core/formats/format.js'
import { dubbo, goFrame, goKit, goMicro, goZero, grpcNaming, kitex, kratos, rpcx, skyDns } from '../../../src/edge/formats/index.js'

/** The formats of other stacks, each as it is by default. */
export const foreignFormats: readonly Format[] = [grpcNaming(), kratos(), goZero(), goKit(), goMicro(), kitex(), dubbo(), skyDns(), rpcx(), goFrame()].map(format => format as Format)
