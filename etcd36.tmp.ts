import { etcdBinary } from '/tmp/wt/history18/test/versions/etcd-binary.ts'
console.log(await etcdBinary('3.6', console.log))
