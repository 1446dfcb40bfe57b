// An etcd of whatever version its module is pinned to: from 3.5 on etcd can be had as a Go module.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
