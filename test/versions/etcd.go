// Runs etcd in the version that go.mod names. From 3.5 on, etcd is available as a Go module.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
